/**
 * Plays plans in the simulator that stands beside this file until one fails, and prints what it found as one line of JSON.
 *
 *     echo '{"plan":null,"from":1,"count":300,"timeMs":60000}' | bun test/planted/hunt.ts
 */
import { faultKindOf, faultKinds } from "../sim/faults/mod.ts";
import { type Plan, planOf } from "../sim/plan.ts";
import { type Failure, play } from "../sim/play.ts";

/** Which plans to play. */
export interface HuntOrder {
  /** Played first; null for none. */
  readonly plan: Plan | null;
  /** Then the plans of these seeds. */
  readonly from: number;
  readonly count: number;
  /** Time after which no further seed is begun, ms. */
  readonly timeMs: number;
  /** Names of the kinds of faults of the seeds; left out: all. */
  readonly kinds?: readonly string[];
}

/** What was found. */
export interface HuntReport {
  /** The first plan that failed; null when all held. */
  readonly caught: { readonly plan: Plan; readonly failure: Failure } | null;
  /** Seeds that were played. */
  readonly seeds: number;
}

function* plansOf({ plan, from, count, timeMs, kinds }: HuntOrder): Generator<Plan> {
  const beganMs = performance.now();
  if (plan !== null) yield plan;
  const chosen = kinds?.map(faultKindOf) ?? faultKinds;
  for (let seed = from; seed < from + count; seed++) {
    if (performance.now() - beganMs > timeMs) return;
    yield planOf(seed, chosen);
  }
}

function hunt(order: HuntOrder): HuntReport {
  let seeds = 0;
  for (const plan of plansOf(order)) {
    if (plan !== order.plan) seeds++;
    const { failure } = play(plan);
    if (failure !== null) return { caught: { plan, failure }, seeds };
  }
  return { caught: null, seeds };
}

if (import.meta.main) console.log(JSON.stringify(hunt(await Bun.stdin.json() as HuntOrder)));
