/**
 * Weights by load: members tell how much of their processors is free, and a holder gives busy ones a smaller share.
 *
 * Share in percent = 50 + min(50, free), where `free` is the free part of a member's processors in percent over the
 * last seconds. So a member with half of its processors free has its full weight, one that has nothing free has half
 * of it; it never falls below that, and never to zero. Members that tell nothing, and machines without an agent,
 * keep their weight.
 */
import type { NodeId } from "../document/document.ts";
import { perDocument } from "../document/per_document.ts";
import type { State } from "../state.ts";
import type { LoadShare } from "../state/load_share.ts";

/** Smallest share of a busy member, percent: two equal members never differ by more than 2 to 1. */
export const LOAD_SHARE_MIN = 50;
/** Free part from which on a member has its full weight, percent. */
export const LOAD_FREE_FULL = 50;
/** Difference below which a share stays as it is, percentage points: load is never still. */
export const LOAD_SHARE_STEP = 5;
/** Shortest time between two changes of one member's share, ms: a change has to show in its load first. */
export const LOAD_CHANGE_MS = 5_000;

/** How busy this machine is, as the outside world tells it. */
export interface ProcessorLoad {
  /** The free part of its processors over the last seconds, percent; null while not known. To be asked about once a second. */
  free(): number | null;
}

/** The share for a free part, both in percent, without damping. */
export function shareOfFree(free: number): number {
  const counted = Math.max(0, Math.min(LOAD_FREE_FULL, free));
  return Math.round(LOAD_SHARE_MIN + counted * (100 - LOAD_SHARE_MIN) / LOAD_FREE_FULL);
}

/** The share after a member has told its free part; the same object when it stays. */
export function nextShare(before: LoadShare | undefined, free: number, now: number): LoadShare {
  const { percent, changedMs } = before ?? { percent: 100, changedMs: -Infinity };
  const wanted = shareOfFree(free);
  // At its ends the way is shorter than a step: the full weight must be reached again.
  const isEnd = wanted !== percent && (wanted === 100 || wanted === LOAD_SHARE_MIN);
  const isFar = Math.abs(wanted - percent) >= LOAD_SHARE_STEP;
  if ((!isFar && !isEnd) || now - changedMs < LOAD_CHANGE_MS) {
    return before ?? { percent, changedMs };
  }
  return { percent: wanted, changedMs: now };
}

/** Whether any service asks for it: members tell their load only then. */
export const adaptsWeights = perDocument(({ document }) =>
  [...document.services.values()].some(({ adaptWeights }) => adaptWeights)
);

/** Takes what a member told, null: nothing. Its share may change by that. */
export function noteLoad(
  state: State,
  node: NodeId,
  told: { readonly free: number | null; readonly now: number },
): void {
  const before = state.loads.get(node);
  if (told.free === null || !adaptsWeights(state)) {
    if (before === undefined) return;
    state.loads.delete(node);
    state.tableVersion++;
    return;
  }
  const after = nextShare(before, told.free, told.now);
  if (after === before) return;
  state.loads.set(node, after);
  if (after.percent !== (before?.percent ?? 100)) state.tableVersion++;
}
