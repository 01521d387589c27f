/**
 * The token changes while clients are at work; a node that was away has an expired one and says so; a node that was
 * forgotten holds nothing until it joins again.
 */
import { expect } from "bun:test";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import {
  awaitAllAlive,
  awaitOneHolder,
  awaitServersUp,
  awaitWarning,
  holdersOf,
  type TroopNode,
  vipOf,
} from "../troop.ts";
import { waitFor } from "../wait.ts";

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
];
/** Time for a rotation of three nodes, ms: three steps of a second or two, and the settling time. */
const ROTATION_LIMIT_MS = 60_000;

async function awaitRotated(nodes: readonly TroopNode[], before: string): Promise<string> {
  await waitFor(async () => {
    for (const node of nodes) {
      const { rotation } = await node.status();
      if (rotation !== null) throw new Error(`${node.name}: ${JSON.stringify(rotation)}`);
      if (await node.token() === before) throw new Error(`${node.name} has the old token`);
    }
    return true;
  }, { what: "every node is done with the rotation", limitMs: ROTATION_LIMIT_MS });
  const tokens = await Promise.all(nodes.map((node) => node.token()));
  expect(new Set(tokens).size).toBe(1);
  return tokens[0]!;
}

scenario(
  "token rotate: no VIP moves, no request fails; who was away has an expired token and says so",
  { slug: "token-rotation", hosts },
  async (lab) => {
    const { client, nodes, holder, others } = await startService(lab, {
      nodes: ["n1", "n2", "n3"],
    });
    const { epoch } = await vipOf(holder, VIP);
    const first = await holder.token();
    const load = await Load.start(client, { address: VIP });
    const startMs = Date.now();
    await others[0]!.troop("token", "rotate");
    const second = await awaitRotated(nodes, first);
    const tookS = ((Date.now() - startMs) / 1_000).toFixed(1);
    // What is closed at the end, because the old token let it in, is opened again.
    await awaitAllAlive(nodes);
    await Bun.sleep(3_000);
    await load.stop();
    process.stdout.write(`rotated in ${tookS} s, ${load.summary().requests} requests\n`);
    requireFewFailures(load.lines, 0);
    expect(await holdersOf(VIP, nodes)).toEqual([holder]);
    expect((await vipOf(holder, VIP)).epoch).toBe(epoch);

    const absent = others[0]!;
    await absent.agent.end("SIGTERM");
    const refused = await holder.troop("token", "rotate").catch(String);
    if (refused.includes(absent.name)) {
      await holder.troop("token", "rotate", "--anyway", "--grace", "0s");
    }
    await awaitRotated(nodes.filter((node) => node !== absent), second);
    await absent.run();
    await awaitWarning(absent, "has expired");
    expect(await holdersOf(VIP, [absent])).toEqual([]);
  },
);

scenario(
  "forget: a dead node goes for good; when it comes back it holds nothing until it joins again",
  { slug: "forget", hosts },
  async (lab) => {
    const { nodes } = await startService(lab, { nodes: ["n1", "n2", "n3"] });
    const [n1, n2, n3] = nodes as [TroopNode, TroopNode, TroopNode];
    expect(await n1.troop("forget", "n3").catch(String)).toContain("troop leave");
    await n1.troop("drain", "n3", "--comment", "broken");
    await n3.agent.end("SIGKILL");
    await waitFor(async () => {
      const node = (await n1.status()).nodes.find(({ name }) => name === "n3");
      if (node?.state === "dead") return true;
      throw new Error(`n3 is ${node?.state}`);
    }, { what: "n3 is dead", limitMs: 20_000 });
    await n1.troop("forget", "n3");
    for (const node of [n1, n2]) {
      await waitFor(async () => {
        const { nodes: known, drains } = await node.status();
        if (known.length === 2 && drains.length === 0) return true;
        throw new Error(known.map(({ name }) => name).join(", "));
      }, { what: `${node.name} knows two nodes`, limitMs: 20_000 });
    }
    await n3.run();
    await awaitWarning(n3, "has forgotten this node");
    await awaitWarning(n1, "n3 at");
    expect(await holdersOf(VIP, [n3])).toEqual([]);
    await n3.troop("leave");
    await n3.join(n1);
    await n3.run();
    await awaitAllAlive(nodes);
    const { holder } = await awaitOneHolder(VIP, nodes);
    // The others know that it can have the VIP.
    for (const node of nodes) await awaitServersUp(node, VIP, { count: nodes.length });
    await n1.troop("vip", "move", VIP, "n3");
    await waitFor(async () => {
      if ((await holdersOf(VIP, nodes)).includes(n3)) return true;
      throw new Error(`${holder.name} holds it`);
    }, { what: "n3 holds the VIP again", limitMs: 20_000 });
  },
);
