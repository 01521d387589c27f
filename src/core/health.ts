/**
 * What probe results mean: whether a server counts as up, since when, and why. The history of one
 * (target, check) is a value; judging a result gives the next one.
 */
import type { Check } from "./check.ts";
import { REASON_LENGTH_MAX } from "./limits.ts";

/** The verdict on one server so far, and how close it is to changing. */
export interface CheckHistory {
  readonly up: boolean;
  /** In words, for people: "200 in 3 ms", "failure 1 of 2: connection refused". */
  readonly reason: string;
  /** When `up` last changed, in the time of {@link judge}'s `nowMs`. */
  readonly sinceMs: number;
  /** How long the last probe took, ms. */
  readonly tookMs: number;
  /** Results in a row that contradict `up`. */
  readonly streak: number;
}

/** One probe's result, and the check that asked. */
export interface CheckResult {
  readonly check: Pick<Check, "rise" | "fall">;
  readonly result: { readonly ok: boolean; readonly reason: string; readonly tookMs: number };
}

/** One opinion on a server: the node's own, or the holder's over the network. */
export interface Opinion {
  readonly up: boolean;
  readonly reason: string;
}

/** The opinion on a server nobody has probed yet. */
export const NOT_CHECKED: Opinion = { up: false, reason: "not checked yet" };

/**
 * The history after one more result; `history` is undefined before the first.
 *
 * An up server is down after `fall` failures in a row, a down one is up after `rise` successes in a row. Before
 * the first result a server counts as down, because a connection sent to a server that does not run is lost,
 * while one server more a moment later harms nobody; but it was not seen down, so one success is enough.
 */
export function judge(
  history: CheckHistory | undefined,
  { check, result }: CheckResult,
  nowMs: number,
): CheckHistory {
  const { tookMs } = result;
  const fresh = { up: result.ok, reason: cut(result.reason), sinceMs: nowMs, tookMs, streak: 0 };
  if (history === undefined) return fresh;
  if (result.ok === history.up) return { ...fresh, sinceMs: history.sinceMs };
  const streak = history.streak + 1;
  const needed = history.up ? check.fall : check.rise;
  if (streak >= needed) return fresh;
  const count = `${history.up ? "failure" : "success"} ${streak} of ${needed}`;
  return { ...history, reason: cut(`${count}: ${result.reason}`), tookMs, streak };
}

/**
 * Joins the node's own opinion with the holder's over the network: up when the node itself says up and the
 * holder reaches it. Where the holder has not checked (null), the node's own opinion decides; where the node has
 * told none (null), the server is down.
 */
export function combineVerdicts(own: Opinion | null, holder: Opinion | null): Opinion {
  const { up, reason } = own ?? { up: false, reason: "no verdict yet" };
  const itself = `itself: ${reason}`;
  if (holder === null) return { up, reason: cut(`${itself}; holder has not checked`) };
  const network = `holder: ${holder.reason}`;
  // Who says "down" comes first: the end of a long reason may be cut off.
  const words = up && !holder.up ? `${network}; ${itself}` : `${itself}; ${network}`;
  return { up: up && holder.up, reason: cut(words) };
}

function cut(reason: string): string {
  return reason.length <= REASON_LENGTH_MAX ? reason : `${reason.slice(0, REASON_LENGTH_MAX - 1)}…`;
}
