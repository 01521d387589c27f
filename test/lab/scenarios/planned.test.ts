/**
 * Planned changes lose nothing: an agent that is asked to end, and a VIP that is moved by an operator.
 */
import { expect } from "bun:test";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { awaitAllAlive, holdersOf, vipOf } from "../troop.ts";

const BEFORE_MS = 2_000;
const AFTER_MS = 4_000;

scenario(
  "SIGTERM to the agent on the holder: exits 0, the other holds, no request fails",
  { slug: "terminate", hosts: streamlined },
  async (lab) => {
    const { client, nodes, holder, other } = await startService(lab);
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(BEFORE_MS);
    expect(await holder.agent.end("SIGTERM")).toBe(0);
    await Bun.sleep(AFTER_MS);
    expect(await holdersOf(VIP, nodes)).toEqual([other]);
    // Its way back must be as quiet as its way out.
    await holder.run();
    await awaitAllAlive(nodes);
    await Bun.sleep(BEFORE_MS);
    expect(await holdersOf(VIP, nodes)).toEqual([other]);
    await load.stop();
    requireFewFailures(load.lines, 0);
  },
);

scenario(
  "vip move, there and back: the target holds, every node says so, no request fails",
  { slug: "vip-move", hosts: streamlined },
  async (lab) => {
    const { client, nodes, holder, other } = await startService(lab);
    const load = await Load.start(client, { address: VIP });
    for (const target of [other, holder]) {
      await Bun.sleep(BEFORE_MS);
      await nodes[0]!.troop("vip", "move", VIP, target.name);
      await Bun.sleep(AFTER_MS);
      expect(await holdersOf(VIP, nodes)).toEqual([target]);
      for (const node of nodes) expect((await vipOf(node, VIP)).holder).toBe(target.name);
    }
    await load.stop();
    requireFewFailures(load.lines, 0);
  },
);
