/**
 * A machine room moves: every agent ends at once, two of three machines get other addresses, one of them the address the
 * files of all others name, and all start at one moment. They find each other by themselves.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import { addressIn, networks } from "../host.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import {
  awaitAllAlive,
  awaitOneHolder,
  awaitServersUp,
  statusOf,
  type TroopNode,
} from "../troop.ts";
import { waitFor } from "../wait.ts";

const hosts = [
  { name: "client", number: 2 },
  ...[4, 5, 6].map((number) => ({ name: `n${number - 3}`, number })),
];
/** An address nobody had. */
const NEW_ADDRESS = addressIn("public", 44);
const REQUESTS_MS = 3_000;

async function readdress(node: TroopNode, address: string): Promise<void> {
  const device = networks.public.interface;
  await node.host.run("ip", "addr", "del", `${node.host.address}/24`, "dev", device);
  await node.host.run("ip", "addr", "add", `${address}/24`, "brd", "+", "dev", device);
  node.configure({ address });
}

scenario(
  "all agents start at once, and most of what they remember of each other is wrong: one cluster, one holder, a whole pool",
  { slug: "moved-addresses", hosts },
  async (lab) => {
    const { client, nodes } = await startService(lab, { nodes: ["n1", "n2", "n3"] });
    const [first, stays, third] = nodes;
    if (first === undefined || stays === undefined || third === undefined) throw new Error("three");
    const exported = await stays.troop("export");
    await Promise.all(nodes.map((node) => node.agent.end("SIGKILL")));
    const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
    await waitFor(() => watch.holders.length === 0, {
      what: "the lease has run out on every node",
      limitMs: 10_000,
    });
    // Both that joined have the first one's address in their files: at it is now the third one, itself.
    await readdress(first, NEW_ADDRESS);
    await readdress(third, first.host.address);
    await Promise.all(nodes.map((node) => node.run()));

    await awaitAllAlive(nodes);
    const { holder } = await awaitOneHolder(VIP, nodes);
    for (const observer of nodes) {
      await awaitServersUp(observer, VIP, { count: nodes.length });
      expect((await statusOf(observer, "n1")).address).toBe(NEW_ADDRESS);
      expect((await statusOf(observer, "n3")).address).toBe(first.host.address);
    }
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(REQUESTS_MS);
    const { answers } = await load.stop();
    requireFewFailures(load.lines, 0);
    expect(Object.keys(answers).toSorted()).toEqual(["n1", "n2", "n3"]);
    expect(watch.holders).toEqual([holder.name]);
    for (const node of nodes) expect(await node.troop("export")).toBe(exported);
  },
);
