/**
 * Plays in the simulator that stands beside this file until something does not hold, and prints what was found as one line
 * of JSON.
 *
 *     echo '{"kept":null,"from":1,"count":300,"timeMs":60000}' | bun test/planted/hunt.ts
 */
import { DocumentRun } from "../sim/document_run.ts";
import { faultKindOf, faultKinds } from "../sim/faults/mod.ts";
import { type Plan, planOf } from "../sim/plan.ts";
import { play } from "../sim/play.ts";

/** What can be played: a plan for whole clusters, or a run of nothing but document stores by its seed. */
export type Game = { readonly plan: Plan } | { readonly documents: number };

/** What to play. */
export interface HuntOrder {
  /** Played first; null for none. */
  readonly kept: Plan | null;
  /** Then these seeds. */
  readonly from: number;
  readonly count: number;
  /** Time after which no further seed is begun, ms. */
  readonly timeMs: number;
  /** Names of the kinds of faults of the seeds; left out: all. */
  readonly kinds?: readonly string[];
  /** Whether the seeds are those of document stores. */
  readonly documents?: boolean;
}

/** What did not hold, and where. */
export interface Catch {
  readonly game: Game;
  readonly invariant: string;
  readonly what: string;
}

/** What was found. */
export interface HuntReport {
  /** Null when all held. */
  readonly caught: Catch | null;
  /** Seeds that were played. */
  readonly seeds: number;
}

/** The seed of a game. */
export function seedOf(game: Game): number {
  return "plan" in game ? game.plan.seed : game.documents;
}

/** What did not hold in a game; null when everything did. */
export async function caughtIn(game: Game): Promise<Catch | null> {
  if ("plan" in game) {
    const { failure } = play(game.plan);
    return failure === null ? null : { game, invariant: failure.invariant, what: failure.what };
  }
  const { broken } = await new DocumentRun(game.documents).play();
  return broken === null
    ? null
    : { game, invariant: "documents keep their promises", what: broken };
}

function gameOf(seed: number, { kinds, documents }: HuntOrder): Game {
  return documents === true
    ? { documents: seed }
    : { plan: planOf(seed, kinds?.map(faultKindOf) ?? faultKinds) };
}

async function hunt(order: HuntOrder): Promise<HuntReport> {
  const { kept, from, count, timeMs } = order;
  const beganMs = performance.now();
  let caught = kept === null ? null : await caughtIn({ plan: kept });
  let seeds = 0;
  while (caught === null && seeds < count && performance.now() - beganMs < timeMs) {
    caught = await caughtIn(gameOf(from + seeds, order));
    seeds++;
  }
  return { caught, seeds };
}

if (import.meta.main) console.log(JSON.stringify(await hunt(await Bun.stdin.json() as HuntOrder)));
