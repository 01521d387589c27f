/**
 * A node that should have the VIP gets it back some time after it returns, and nobody's connection pays for that.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, VIP } from "../scenario.ts";
import { awaitOneHolder, awaitServersUp, startCluster, TroopNode } from "../troop.ts";
import { startWebServer } from "../web_server.ts";

const CONNECTIONS = 12;
const BEFORE_MS = 5_000;
const AFTER_MS = 8_000;
/** Longer than one refresh period of the sync daemon (10 s) with its flush time. */
const FAILBACK_S = 14;
const BACK_LIMIT_MS = 45_000;

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "s1", number: 21 },
  { name: "s2", number: 22 },
];

scenario(
  "the preferred holder loses its network and returns: the VIP goes back, open connections go on both times",
  { slug: "failback", hosts },
  async (lab) => {
    const nodes = ["n1", "n2"].map((name) => new TroopNode(lab, lab.host(name)));
    const [n1, n2] = nodes as [TroopNode, TroopNode];
    const servers = ["s1", "s2"].map((name) => lab.host(name));
    await startCluster(nodes, (node) => node.configure({ realServer: false }));
    await n1.troop("vip", "add", VIP, "--prefer", "n1,n2", "--failback", `${FAILBACK_S}s`);
    const check = ["--check", "http://:80/index.html", "--expect", "Test Page"];
    await n1.troop("service", "add", `${VIP}:80`, "--scheduler", "rr", "--no-members", ...check);
    const setup = await n1.troop("server", "setup", VIP, "--forward", "dr");
    for (const server of servers) {
      await startWebServer(lab, server);
      await server.script(setup);
      await n1.troop("server", "add", `${VIP}:80`, server.address);
    }
    for (const node of nodes) await awaitServersUp(node, VIP, { count: 2 });
    expect((await awaitOneHolder(VIP, nodes)).holder.name).toBe("n1");
    const client = lab.host("client");
    const connections = await Connections.start(client, { address: VIP, count: CONNECTIONS });
    await Bun.sleep(BEFORE_MS);
    await lab.cut(n1.host);
    await awaitOneHolder(VIP, [n2]);
    await Bun.sleep(BEFORE_MS);
    await lab.heal(n1.host);
    await awaitOneHolder(VIP, nodes);
    const load = await Load.start(client, { address: VIP });
    await awaitOneHolder(VIP, [n1], BACK_LIMIT_MS);
    await Bun.sleep(AFTER_MS);
    await load.stop();
    expect((await awaitOneHolder(VIP, nodes)).holder.name).toBe("n1");
    const counts = [...await connections.stop()];
    const half = CONNECTIONS / 2;
    expect(counts).toEqual(["s1", "s2"].map((name) => [name, { opened: half, alive: half }]));
    requireFewFailures(load.lines, 0);
  },
);
