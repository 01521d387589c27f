/** Gossip takes its time to pass again. */
import { expect, test } from "bun:test";
import { serving } from "./sim_run.ts";
import { RESUMED_MS } from "./stream_links.ts";

const CUT_MS = 5_000;
const STEP_MS = 10;

test("gossip passes some time after a cut has ended, and brings the last record", async () => {
  const waitsMs: number[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    const { cluster, pass } = await serving({ nodes: [{}, {}], seed });
    const [one, other] = [cluster.node("n1"), cluster.node("n2")];
    expect(cluster.links.passes(one, other)).toBe(true);
    cluster.isolate("n2");
    const known = () => one.agent?.state.peers.get(other.id)?.record.sequence ?? 0;
    const before = known();
    await pass(CUT_MS);
    expect(known()).toBe(before);
    expect(cluster.links.passes(one, other)).toBe(false);
    cluster.heal("n2");
    let waitedMs = 0;
    while (!cluster.links.passes(one, other) && waitedMs <= RESUMED_MS) {
      await pass(STEP_MS);
      waitedMs += STEP_MS;
    }
    waitsMs.push(waitedMs);
    await pass(STEP_MS);
    // A record a second, and nobody has told one since.
    expect(known()).toBeGreaterThan(before + 3);
  }
  expect(Math.max(...waitsMs)).toBeLessThanOrEqual(RESUMED_MS);
  expect(Math.max(...waitsMs)).toBeGreaterThan(RESUMED_MS / 2);
  expect(new Set(waitsMs).size).toBeGreaterThan(5);
});
