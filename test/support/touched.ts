/**
 * Steps with a look at what they change.
 */
import type { State } from "../../src/core/state.ts";
import { type Fact, step } from "../../src/core/step.ts";
import { NOW } from "./cluster_views.ts";

/** Takes the fact and tells which of the state's versions grew: `table record pulse`. */
export function touched(state: State, fact: Fact, now = NOW): string {
  const before = { ...state };
  step(state, fact, now);
  return [
    state.tableVersion > before.tableVersion ? "table" : "",
    state.recordVersion > before.recordVersion ? "record" : "",
    state.pulseVersion > before.pulseVersion ? "pulse" : "",
  ].filter((name) => name !== "").join(" ");
}
