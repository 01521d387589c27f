/**
 * Runs seeds of the simulator that stands beside this file until one fails, and prints what it found as one line of JSON.
 *
 *     bun test/planted/hunt.ts '{"from":1,"count":300,"timeMs":60000,"except":[]}'
 */
import { faultKindOf, faultKinds } from "../sim/faults/mod.ts";
import { planOf } from "../sim/plan.ts";
import { play } from "../sim/play.ts";

/** Which seeds to run. */
export interface HuntOrder {
  readonly from: number;
  readonly count: number;
  /** Time after which no further seed is begun, ms. */
  readonly timeMs: number;
  /** Names of the kinds of faults; left out: all. */
  readonly kinds?: readonly string[];
  /** Seeds that are left out. */
  readonly except: readonly number[];
  /** Whether to go on behind a seed that fails, and tell them all. */
  readonly all?: boolean;
}

/** A seed that failed. */
export interface Catch {
  readonly seed: number;
  readonly invariant: string;
  readonly what: string;
}

/** What was found. */
export interface HuntReport {
  readonly caught: readonly Catch[];
  /** Seeds that were run. */
  readonly seeds: number;
  readonly tookMs: number;
}

function hunt({ from, count, timeMs, except, all = false, kinds }: HuntOrder): HuntReport {
  const chosen = kinds?.map(faultKindOf) ?? faultKinds;
  const beganMs = performance.now();
  const tookMs = () => Math.round(performance.now() - beganMs);
  const caught: Catch[] = [];
  let seeds = 0;
  for (let seed = from; seed < from + count && tookMs() < timeMs; seed++) {
    if (except.includes(seed)) continue;
    seeds++;
    const { failure } = play(planOf(seed, chosen));
    if (failure === null) continue;
    caught.push({ seed, invariant: failure.invariant, what: failure.what });
    if (!all) break;
  }
  return { caught, seeds, tookMs: tookMs() };
}

if (import.meta.main) {
  console.log(JSON.stringify(hunt(JSON.parse(process.argv[2] ?? "{}") as HuntOrder)));
}
