/**
 * Directors without own servers, and real servers without an agent: what `topologies.ts` lays out, with
 * the program on it.
 */
import { resolve } from "node:path";
import { inBrackets } from "./client_common.ts";
import type { Host, Network } from "./host.ts";
import type { Lab } from "./lab.ts";
import { run } from "./process.ts";
import { startCluster, TroopNode } from "./troop.ts";
import { waitFor } from "./wait.ts";

const BINARY = resolve(import.meta.dir, "../../dist/troop");
const UP_LIMIT_MS = 30_000;

/** Starts agents on d1 and d2 that hold VIPs and serve nothing themselves; d1 has this priority. */
export async function startDirectors(
  lab: Lab,
  priority = 100,
): Promise<readonly [TroopNode, TroopNode]> {
  const nodes = [new TroopNode(lab, lab.host("d1")), new TroopNode(lab, lab.host("d2"))] as const;
  await startCluster(
    nodes,
    (node) => node.configure({ realServer: false, ...(node === nodes[0] ? { priority } : {}) }),
  );
  return nodes;
}

/** Does on a machine what `troop server setup WORDS` says it needs. */
export async function setUpServer(server: Host, ...words: string[]): Promise<void> {
  await server.script(await run([BINARY, "server", "setup", ...words]));
}

/** Enters machines as real servers of a service, by their addresses on a network, on any port. */
export async function addServers(
  node: TroopNode,
  service: string,
  servers: readonly Host[],
  place: { readonly network: Network; readonly port?: number },
): Promise<void> {
  const family = service.startsWith("[") || service.startsWith("fwmark6") ? "ipv6" : "ipv4";
  for (const server of servers) {
    const address = server.addressOn(place.network, family);
    const name = place.port === undefined ? address : `${inBrackets(address)}:${place.port}`;
    await node.troop("server", "add", service, name);
  }
}

/** Waits until a node reports so many servers of a service up. */
export async function awaitServers(node: TroopNode, name: string, count: number): Promise<void> {
  await waitFor(async () => {
    const service = (await node.status()).services.find((item) => item.name === name);
    const servers = service?.servers ?? [];
    if (servers.length === count && servers.every(({ up }) => up)) return true;
    throw new Error(servers.map((s) => `${s.address} ${s.up}: ${s.reason}`).join("; "));
  }, { what: `${node.name} sees ${count} servers of ${name} up`, limitMs: UP_LIMIT_MS });
}
