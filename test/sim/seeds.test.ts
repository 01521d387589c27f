/**
 * Plans that once broke an invariant, each as small as it still did, and some fresh seeds; `./task sim` plays many.
 * The last tests show that a run depends on its seed alone, and that what is broken is noticed.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { playSeeds } from "./batch.ts";
import { type Plan, planOf } from "./plan.ts";
import { type Failure, Play, play } from "./play.ts";
import { failureText, planText, playText } from "./report.ts";
import type { SimNode } from "./sim_node.ts";

const folder = join(import.meta.dir, "plans");
const kept = readdirSync(folder).filter((name) => name.endsWith(".json")).toSorted();
/** Seeds of the fast gate. */
const SEEDS = 10;

describe("a plan that once broke an invariant", () => {
  test.each(kept)("%s holds", (name) => {
    const plan = JSON.parse(readFileSync(join(folder, name), "utf8")) as Plan;
    const { failure } = play(plan);
    if (failure !== null) throw new Error(`${planText(plan)}\n${failureText(plan, failure)}`);
  });
});

describe("the simulator", () => {
  test(`finds nothing in ${SEEDS} seeds`, () => {
    const totals = playSeeds(1, SEEDS);
    const texts = totals.failures.map(({ seed, failure }) => failureText(planOf(seed), failure));
    expect(texts).toEqual([]);
    expect(totals.simulatedMs).toBeGreaterThan(SEEDS * 10_000);
  }, 120_000);

  test("plays a seed the same to the event, again and again", () => {
    const texts = [1, 2].map(() => playText(planOf(7)));
    expect(texts[0]).toBe(texts[1] as string);
  });

  test.each([
    ["a VIP leaves a holder that is well only if operators want it", true],
    ["no machine answers for a VIP without its agent for longer than the lease", false],
  ])("notices where a VIP is that is not to be there: %s", (invariant, agentRuns) => {
    const plan = { ...planOf(7), faults: [] };
    const run = new Play(plan);
    const { cluster, servesMs, vips: [vip = ""], world } = run;
    world.after(servesMs, () => {
      const { kernel, name } = cluster.nodes.find((node) => !cluster.answers(node, vip)) as SimNode;
      if (!agentRuns) cluster.kill(name);
      const place = { interface: "eth0", prefixLength: 32 };
      kernel.addressPort.put({ address: vip, ...place, validSeconds: null });
    });
    const { failure } = run.run();
    expect(failure?.invariant).toBe(invariant);
    expect(failureText(plan, failure as Failure).split("\n")).toEqual([
      `seed 7 broke: ${invariant}`,
      expect.stringContaining(`  n1 `),
      expect.stringMatching(new RegExp(`^  at [5-9]\\.\\d{3} s, event ${world.events}$`)),
      expect.stringMatching(/^ {2}again: .*\.\/task sim --seed 7 --trace .*sim --seed 7 --shrink$/),
    ]);
  });
});
