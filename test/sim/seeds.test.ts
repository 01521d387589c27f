/**
 * Plans that once broke an invariant, each as small as it still did, and some fresh seeds; `./task sim` plays many.
 * The last tests show that a run depends on its seed alone, and that what is broken is noticed.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { playSeeds } from "./batch.ts";
import { type Plan, planOf } from "./plan.ts";
import { play } from "./play.ts";
import { failureText, planText, playText } from "./report.ts";

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
});
