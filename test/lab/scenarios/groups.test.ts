/**
 * VIPs that two nodes hold are put into one group while they are at work: one of the two changes its holder, and
 * nobody notices.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { addServers, awaitServers, setUpServer, startDirectors } from "../directors.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, SECOND_VIP, VIP } from "../scenario.ts";
import { oneTier } from "../topologies.ts";
import { awaitOneHolder, type TroopNode } from "../troop.ts";
import { startWebServer } from "../web_server.ts";

const CONNECTIONS = 12;
const EVERY_MS = 250;
const BEFORE_MS = 2_000;
/** The handover, and the old holder's lingering after it. */
const AFTER_MS = 8_000;

scenario(
  "VIPs of two nodes become one group under load: no request is lost, open connections go on",
  { slug: "groups", hosts: oneTier },
  async (lab) => {
    const servers = [lab.host("s1"), lab.host("s2")];
    for (const server of servers) {
      await startWebServer(lab, server);
      for (const vip of [VIP, SECOND_VIP]) await setUpServer(server, vip, "--forward", "dr");
    }
    const nodes = await startDirectors(lab);
    await addService(nodes, VIP, { prefer: "d1,d2", servers });
    await addService(nodes, SECOND_VIP, { prefer: "d2,d1", servers });
    expect((await awaitOneHolder(VIP, nodes)).holder.name).toBe("d1");
    expect((await awaitOneHolder(SECOND_VIP, nodes)).holder.name).toBe("d2");
    const client = lab.host("client");
    const options = { address: SECOND_VIP, count: CONNECTIONS, everyMs: EVERY_MS };
    const connections = await Connections.start(client, options);
    const load = await Load.start(client, { address: SECOND_VIP });
    await Bun.sleep(BEFORE_MS);
    for (const vip of [VIP, SECOND_VIP]) await nodes[0].troop("vip", "set", vip, "--group", "web");
    await Bun.sleep(AFTER_MS);
    await load.stop();
    for (const vip of [VIP, SECOND_VIP]) {
      expect((await awaitOneHolder(vip, nodes)).holder.name).toBe("d1");
    }
    const half = CONNECTIONS / 2;
    expect([...await connections.stop()])
      .toEqual(["s1", "s2"].map((name) => [name, { opened: half, alive: half }]));
    requireFewFailures(load.lines, 0);
  },
);

async function addService(
  nodes: readonly [TroopNode, TroopNode],
  vip: string,
  { prefer, servers }: {
    readonly prefer: string;
    readonly servers: Parameters<typeof addServers>[2];
  },
): Promise<void> {
  const check = ["--check", "http:///index.html", "--expect", "Test Page"];
  await nodes[0].troop("vip", "add", vip, "--prefer", prefer);
  const words = ["service", "add", `${vip}:80`, "--scheduler", "rr", "--no-members"];
  await nodes[0].troop(...words, ...check);
  await addServers(nodes[0], `${vip}:80`, servers, { network: "public" });
  for (const node of nodes) await awaitServers(node, `${vip}:80`, 2);
}
