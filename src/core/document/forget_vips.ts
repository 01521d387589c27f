/**
 * What is kept for VIPs ends with them, or a cluster whose VIPs come and go for months keeps them all.
 */
import { VIPS_MAX } from "../limits.ts";
import type { State } from "../state.ts";

/**
 * Epochs remembered, those of VIPs that are gone included: one that comes back soon goes on counting where it was, so
 * that a claim from before is not the higher one.
 */
export const EPOCHS_MAX = 4 * VIPS_MAX;

/** Forgets what was kept for VIPs the document does not have any more. */
export function forgetVips(state: State): void {
  const present = new Set(state.vips);
  for (const kept of [state.reasons, state.failbacks, state.refused, state.witnesses]) {
    // What is still held is let go by the next turn of the loop, which says why.
    for (const vip of kept.keys()) {
      if (!present.has(vip) && !state.holds.has(vip)) kept.delete(vip);
    }
  }
  forgetEpochs(state, present);
}

/** Forgets epochs beyond {@link EPOCHS_MAX}: the longest known ones of VIPs that are gone and that nobody claims. */
function forgetEpochs(state: State, present: ReadonlySet<string>): void {
  if (state.epochs.size <= EPOCHS_MAX) return;
  const claimed = new Set([...state.peers.values()].flatMap(({ life }) => [...life.claims.keys()]));
  for (const vip of state.epochs.keys()) {
    if (state.epochs.size <= EPOCHS_MAX) return;
    if (!present.has(vip) && !state.holds.has(vip) && !claimed.has(vip)) state.epochs.delete(vip);
  }
}
