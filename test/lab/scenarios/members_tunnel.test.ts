/**
 * Tunnels between members: each node is director and real server, sets up its own end of the tunnel, and
 * sends nothing in circles although a wrapped packet still carries the VIP.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { fetchNames } from "../fetch.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, VIP } from "../scenario.ts";
import { awaitOneHolder, awaitServersUp, startCluster, TroopNode } from "../troop.ts";
import { startWebServer } from "../web_server.ts";

const CONNECTIONS = 12;
const BEFORE_MS = 5_000;
const AFTER_MS = 10_000;
/** Three agents, their checks and twelve connections are at work on the guest's one processor already. */
const EVERY_MS = 60;
/** A second without an answer, and a third of the answers until everybody knows. */
const FAILED_MAX = 25;
/** New connections after the takeover: two for each server that is left. */
const REQUESTS = 4;

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
];

for (const tunnel of ["ipip", "gue:6080", "gre"]) {
  scenario(
    `members by ${tunnel}, holder cut off: the others serve, open connections to them go on`,
    { slug: `members-${tunnel.replace(":", "-")}`, hosts },
    async (lab) => {
      const nodes = ["n1", "n2", "n3"].map((name) => new TroopNode(lab, lab.host(name)));
      await Promise.all(nodes.map((node) => startWebServer(lab, node.host)));
      await startCluster(nodes);
      const check = ["--check", "http://:80/index.html", "--expect", "Test Page"];
      const service = ["service", "add", `${VIP}:80`, "--scheduler", "rr", "--tunnel", tunnel];
      await nodes[0]!.troop(...service, ...check);
      const { holder, others } = await awaitOneHolder(VIP, nodes);
      for (const node of nodes) await awaitServersUp(node, VIP, { count: nodes.length });
      const client = lab.host("client");
      const connections = await Connections.start(client, {
        address: VIP,
        count: CONNECTIONS,
        everyMs: 250,
      });
      await Bun.sleep(BEFORE_MS);
      const load = await Load.start(client, { address: VIP, everyMs: EVERY_MS });
      await lab.cut(holder.host);
      await awaitOneHolder(VIP, others);
      await Bun.sleep(AFTER_MS);
      await load.stop();
      requireFewFailures(load.lines, FAILED_MAX);
      const names = await fetchNames(client, VIP, { count: REQUESTS });
      expect(names.toSorted()).toEqual(others.flatMap(({ name }) => [name, name]).toSorted());
      const counts = await connections.stop();
      for (const { name } of others) {
        const count = CONNECTIONS / nodes.length;
        expect([name, counts.get(name)]).toEqual([name, { opened: count, alive: count }]);
      }
    },
  );
}
