/**
 * What was noticed between nodes, until it fades: warnings for people, and cautions for nodes that are not believed.
 */
import type { DueCaution, State } from "../state.ts";

/** Least time between two cautions for one node, ms. */
const CAUTION_MS = 1_000;
/** Warnings kept at once: strangers can cause some. */
const WARNINGS_MAX = 16;

/** Notes something seen now. Beyond the limit the oldest goes. */
export function noteWarning(
  state: State,
  { key, text }: { readonly key: string; readonly text: string },
  now: number,
): void {
  state.warnings.delete(key);
  state.warnings.set(key, { text, seenMs: now });
  if (state.warnings.size <= WARNINGS_MAX) return;
  for (const oldest of state.warnings.keys()) {
    state.warnings.delete(oldest);
    return;
  }
}

/** Has somebody told, unless that was done just now. */
export function caution(state: State, due: Omit<DueCaution, "sentMs">, now: number): void {
  const key = `${due.caution.kind} ${due.caution.to} ${due.caution.echo}`;
  const before = state.cautions.get(key);
  if (before !== undefined && now - before.sentMs < CAUTION_MS) return;
  if (before === undefined && state.cautions.size >= WARNINGS_MAX) return;
  state.cautions.set(key, { ...due, sentMs: Infinity });
}

/** Cautions to be sent now; they count as sent. Forgets the old ones. */
export function takeCautions(state: State, now: number): DueCaution[] {
  const due: DueCaution[] = [];
  for (const [id, one] of state.cautions) {
    if (one.sentMs === Infinity) {
      one.sentMs = now;
      due.push(one);
    } else if (now - one.sentMs >= CAUTION_MS) state.cautions.delete(id);
  }
  return due;
}
