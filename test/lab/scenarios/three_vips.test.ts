/**
 * Three nodes, each director and real server, and three VIPs, each preferred by another node: each holds
 * one, and whichever node dies, the other two have all three and every request is answered again.
 */
import { expect } from "bun:test";
import { addressIn } from "../host.ts";
import { Load, requireFewFailures } from "../load.ts";
import { addService, scenario } from "../scenario.ts";
import { awaitOneHolder, awaitServersUp, startCluster, TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

const hosts = [
  { name: "client", number: 2 },
  ...[4, 5, 6].map((number) => ({ name: `n${number - 3}`, number })),
];
const vips = [240, 241, 242].map((number) => addressIn("public", number));
const WORK_MS = 4_000;
/** Time for a VIP to be with the node that is preferred, ms. */
const HOME_LIMIT_MS = 30_000;
const EVERY_MS = 40;
/** Half a second of silence on the VIP that moves, one third of the answers of the others until it is known. */
const FAILED_MAX = 25;

for (const victim of ["n1", "n2", "n3"]) {
  scenario(
    `three nodes hold one VIP each; ${victim} is cut off and the others have all three`,
    { slug: `three-vips-${victim}`, hosts },
    async (lab) => {
      const nodes = ["n1", "n2", "n3"].map((name) => new TroopNode(lab, lab.host(name)));
      await Promise.all(nodes.map((node) => startWebServer(lab, node.host)));
      await startCluster(nodes);
      for (const [index, vip] of vips.entries()) {
        await nodes[0]!.troop(
          "vip",
          "add",
          vip,
          "--prefer",
          nodes[index]!.name,
          "--failback",
          "1s",
        );
        await nodes[0]!.troop(...addService(vip, "rr"));
      }
      for (const [index, vip] of vips.entries()) {
        await awaitServersUp(nodes[0]!, vip, { count: nodes.length });
        await waitFor(
          async () => (await awaitOneHolder(vip, nodes)).holder === nodes[index],
          { what: `${nodes[index]!.name} holds ${vip}`, limitMs: HOME_LIMIT_MS },
        );
      }
      const client = lab.host("client");
      const loads = await Promise.all(
        vips.map((address) => Load.start(client, { address, everyMs: EVERY_MS })),
      );
      const dead = nodes.find((node) => node.name === victim)!;
      const alive = nodes.filter((node) => node !== dead);
      await lab.cut(dead.host);
      for (const vip of vips) await awaitOneHolder(vip, alive);
      await Bun.sleep(WORK_MS);
      for (const load of loads) {
        const { answers } = await load.stop();
        requireFewFailures(load.lines, FAILED_MAX);
        expect(Object.keys(answers)).toEqual(expect.arrayContaining(alive.map(({ name }) => name)));
      }
    },
  );
}
