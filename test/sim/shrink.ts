/**
 * Makes a plan that fails smaller while it still fails: without single faults, with shorter ones, in a smaller cluster, at
 * rounder moments. What is left is what a person has to understand.
 */
import type { Plan } from "./plan.ts";
import { type Failure, type Outcome, play } from "./play.ts";

/** Runs a plan is tried at most: a quarter of a minute or so. */
export const TRIES_MAX = 150;

/**
 * See the head of this file. The failure may change on the way, but not the invariant it is about. `outcomeOf`: runs a
 * plan.
 */
export function shrink(
  plan: Plan,
  failure: Failure,
  outcomeOf: (plan: Plan) => Pick<Outcome, "failure"> = play,
): { plan: Plan; failure: Failure } {
  let best = { plan, failure };
  let tries = 0;
  const better = (candidate: Plan): boolean => {
    if (tries++ >= TRIES_MAX) return false;
    const { failure: found } = outcomeOf(candidate);
    if (found?.invariant !== failure.invariant) return false;
    best = { plan: candidate, failure: found };
    return true;
  };
  for (let improved = true; improved && tries < TRIES_MAX;) {
    improved = false;
    for (const candidate of smaller(best.plan)) {
      if (!better(candidate)) continue;
      improved = true;
      break;
    }
  }
  return best;
}

/** Plans that are a little smaller, the greatest steps first. */
function* smaller(plan: Plan): Generator<Plan> {
  const { faults, shape } = plan;
  for (const index of faults.keys()) yield { ...plan, faults: faults.toSpliced(index, 1) };
  const last = shape.nodes.length;
  if (last > 2 && !JSON.stringify(faults).includes(`"n${last}"`)) {
    const [nodes, startsMs] = [shape.nodes.slice(0, -1), shape.startsMs.slice(0, -1)];
    yield { ...plan, shape: { ...shape, nodes, startsMs } };
  }
  if (shape.servers.length > 0) yield { ...plan, shape: { ...shape, servers: [] } };
  if (shape.vips.length > 0) yield { ...plan, shape: { ...shape, vips: [] } };
  if (shape.services.length > 1) {
    yield { ...plan, shape: { ...shape, services: shape.services.slice(0, -1) } };
  }
  if (shape.tableMs > 0) yield { ...plan, shape: { ...shape, tableMs: 0 } };
  if (shape.startsMs.some((ms) => ms > 0)) {
    yield { ...plan, shape: { ...shape, startsMs: shape.startsMs.map(() => 0) } };
  }
  for (const [index, fault] of faults.entries()) {
    const lastsMs = Math.floor(fault.lastsMs / 2);
    if (lastsMs >= 10) yield { ...plan, faults: faults.with(index, { ...fault, lastsMs }) };
  }
}
