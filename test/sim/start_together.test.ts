/**
 * Nodes that were stopped together, each hearing that the others left, and start at one moment, before gossip has told any of them that the others are back.
 */
import { expect, test } from "bun:test";
import { VIP } from "../support/cluster_views.ts";
import { TWO_AGENTS_MS } from "./bounds.ts";
import { serving } from "./sim_run.ts";

const NODES = ["n1", "n2", "n3"];

test.each([1, 700, 900, 1_500])(
  "no two take the VIP where gossip takes %d ms to meet",
  async (gossipMs) => {
    const run = await serving({ nodes: NODES.map(() => ({})) });
    const { cluster, world } = run;
    for (const name of NODES) cluster.node(name).agent?.receive({ kind: "leave" });
    await run.pass(6_000);
    for (const name of NODES) cluster.kill(name);
    const publish = cluster.publish.bind(cluster);
    const metMs = world.nowMs + gossipMs;
    cluster.publish = (node, record) =>
      world.after(Math.max(0, metMs - world.nowMs), () => publish(node, record));
    cluster.start(NODES);
    let togetherMs = 0;
    for (let passed = 0; passed < 6_000; passed += 10) {
      await run.pass(10);
      if (cluster.answering(VIP).length > 1) togetherMs += 10;
    }
    expect(togetherMs).toBeLessThanOrEqual(TWO_AGENTS_MS);
    expect(cluster.answering(VIP)).toHaveLength(1);
  },
);
