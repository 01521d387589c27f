/**
 * Clients that stay with their server: two ports marked into one persistent service, and the standby
 * that knows who belongs where.
 */
import { expect } from "bun:test";
import { addServers, awaitServers, setUpServer, startDirectors } from "../directors.ts";
import { fetchNames } from "../fetch.ts";
import type { Host } from "../host.ts";
import { scenario } from "../scenario.ts";
import { oneTier, vipOf } from "../topologies.ts";
import { awaitOneHolder } from "../troop.ts";
import { startWebServer } from "../web_server.ts";

const VIP = vipOf("ipv4");
const CLIENTS = ["client", "client2", "client3"];
const PORTS = [80, 443];
/** Templates are sent like connections: within a few seconds. */
const SYNC_MS = 5_000;

scenario(
  "80 and 443 marked as one persistent service: a client keeps its server on both, over a takeover",
  {
    slug: "mark-persistent",
    hosts: [...oneTier, { name: "client2", number: 3 }, { name: "client3", number: 7 }],
  },
  async (lab) => {
    const servers = [lab.host("s1"), lab.host("s2")];
    const clients = CLIENTS.map((name) => lab.host(name));
    for (const server of servers) {
      await startWebServer(lab, server, PORTS);
      await setUpServer(server, VIP, "--forward", "dr");
    }
    const nodes = await startDirectors(lab);
    await nodes[0].troop(
      ...["service", "add", "fwmark:1", "--vip", VIP, "--ports", "tcp/80,tcp/443", "--no-members"],
      ...["--scheduler", "rr", "--persistent", "300", "--forward", "dr", "--check", "tcp://:80"],
    );
    await addServers(nodes[0], "fwmark:1", servers, { network: "public" });
    for (const node of nodes) await awaitServers(node, "fwmark:1", servers.length);
    const { holder, others } = await awaitOneHolder(VIP, nodes);
    const before = await serversOf(clients);
    // Round robin over three clients: both servers have one at least.
    expect(new Set(before.values()).size).toBe(2);
    expect(await serversOf(clients)).toEqual(before);
    await Bun.sleep(SYNC_MS);
    await lab.cut(holder.host);
    await awaitOneHolder(VIP, others);
    expect(await serversOf(clients)).toEqual(before);
  },
);

/** The one server each client gets on all ports; throws when a client gets two. */
async function serversOf(clients: readonly Host[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const client of clients) {
    const pairs = await Promise.all(
      PORTS.map((port) => fetchNames(client, VIP, { count: 1, port })),
    );
    const names = pairs.flat();
    if (new Set(names).size !== 1) throw new Error(`${client.name} got ${names.join(" and ")}`);
    found.set(client.name, names[0]!);
  }
  return found;
}
