/**
 * What probe results mean: whether a server counts as up, since when, and why. The history of one
 * (target, check) is a value; judging a result gives the next one.
 */
import type { Advice } from "./advice.ts";
import type { Check } from "../check.ts";
import { REASON_LENGTH_MAX } from "../limits.ts";
import type { Verdict } from "../cluster/record.ts";

/** One probe's result, as {@link Prober} in ports.ts reports it. */
export interface Outcome {
  readonly ok: boolean;
  readonly reason: string;
  readonly tookMs: number;
  /** What the server says of its own weight and state; left out: nothing new. */
  readonly advice?: Advice;
}

/** Reasons of a server of which nobody knows anything yet: no news in themselves. */
export const PENDING = { check: "not checked yet", verdict: "no verdict yet" } as const;

/** The verdict on one server so far, and how close it is to changing. */
export interface History extends Pick<Verdict, "up" | "reason" | "sinceMs" | "tookMs"> {
  /** What the server last said of its own weight and state; left out: nothing yet. */
  readonly advice?: Advice;
  /** False until the first result: then `up` is an assumption, not an observation. */
  readonly checked: boolean;
  /** Results in a row that contradict `up`. */
  readonly streak: number;
  /** The last failure of all, which a server that is well again leaves behind; absent: there was none. */
  readonly lastError?: { readonly reason: string; readonly atMs: number };
}

/** What a server counts as before anybody has probed it. */
export function unchecked(check: Pick<Check, "initial">): Combined {
  return check.initial === "up"
    ? { up: true, reason: `${PENDING.check}, taken to be up` }
    : { up: false, reason: PENDING.check };
}

/**
 * The history of a server no one has probed yet: down until the first success unless the operator wants it
 * otherwise, because a connection sent to a server that does not run is lost, while one more server a moment later is
 * no harm. `nowMs` is wall-clock time, ms since 1970.
 */
export function startHistory(nowMs: number, check: Pick<Check, "initial">): History {
  return {
    ...unchecked(check),
    sinceMs: nowMs,
    tookMs: 0,
    checked: false,
    streak: 0,
  };
}

/**
 * The history of a server whose socket is gone: what was learnt about a daemon ends with it, and its successor proves
 * itself by a check first.
 */
export function goneHistory(before: History | undefined, reason: string, nowMs: number): History {
  return {
    ...startHistory(nowMs, { initial: "down" }),
    sinceMs: before?.up === false ? before.sinceMs : nowMs,
    lastError: { reason: cut(reason), atMs: nowMs },
  };
}

/**
 * The history after one more result. An up server is down after `check.fall` failures in a row; a down one is
 * up after `check.rise` successes in a row. The very first result counts at once: before it there was an assumption.
 * `nowMs` is wall-clock time, ms since 1970.
 */
export function judge(
  history: History,
  result: Outcome,
  check: Pick<Check, "rise" | "fall">,
  nowMs: number,
): History {
  const judged = judgeOutcome(history, result, check, nowMs);
  if (result.advice === undefined) return judged;
  return { ...judged, advice: mixed(history.advice, result.advice) };
}

/** What a server says now on top of what it has said: what it does not mention goes on. Of its two weights the last counts. */
function mixed(before: Advice | undefined, now: Advice): Advice {
  if (before === undefined) return now;
  const { weight: _, weightPercent: __, ...others } = before;
  const isWeighed = now.weight !== undefined || now.weightPercent !== undefined;
  return { ...(isWeighed ? others : before), ...now };
}

function judgeOutcome(
  history: History,
  result: Outcome,
  check: Pick<Check, "rise" | "fall">,
  nowMs: number,
): History {
  const { tookMs } = result;
  const failure = result.ok ? {} : { lastError: { reason: cut(result.reason), atMs: nowMs } };
  const common = { ...history, tookMs, ...failure, checked: true };
  if (result.ok === history.up) return { ...common, reason: cut(result.reason), streak: 0 };
  const streak = history.streak + 1;
  const needed = !history.checked ? 1 : history.up ? check.fall : check.rise;
  if (streak < needed) {
    const count = `${history.up ? "failure" : "success"} ${streak} of ${needed}`;
    return { ...common, reason: cut(`${count}: ${result.reason}`), streak };
  }
  return { ...common, up: result.ok, reason: cut(result.reason), sinceMs: nowMs, streak: 0 };
}

/**
 * Time until the next probe, ms from the turn of this one: shorter while the server is down or about to change, if the
 * check says so.
 */
export function probeInterval(
  check: Pick<Check, "intervalMs" | "fastMs">,
  history: Pick<History, "up" | "streak" | "checked">,
): number {
  const hurried = history.checked && (!history.up || history.streak > 0);
  return hurried && check.fastMs !== null
    ? Math.min(check.fastMs, check.intervalMs)
    : check.intervalMs;
}

/**
 * How much later (negative: earlier) than its turn a probe starts, ms. It depends on target and turn alone, so it can
 * be foretold; turns themselves stay where they are, so a rhythm never drifts. Less than `check.jitter` percent of
 * `intervalMs` either way.
 */
export function jitterMs(
  check: Pick<Check, "jitter">,
  { key, turn, intervalMs }: {
    readonly key: string;
    readonly turn: number;
    readonly intervalMs: number;
  },
): number {
  if (check.jitter === 0) return 0;
  return (hash32(`${turn} ${key}`) / 2 ** 31 - 1) * intervalMs * check.jitter / 100;
}

/** FNV-1a (RFC 9923), and the last step of MurmurHash3, which spreads its last characters over all bits. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Whether a server is in the pool, and in words who says so. */
export interface Combined {
  readonly up: boolean;
  readonly reason: string;
}

/**
 * Joins the node's own verdict with the holder's over the network: up when the node itself says up and the
 * holder reaches it. Where the holder has not checked (null), the node's own verdict decides; where the node
 * has told none (null), the server is down.
 */
export function combineVerdicts(
  own: Pick<Verdict, "up" | "reason"> | null,
  holder: Pick<Verdict, "up" | "reason"> | null,
): Combined {
  const { up, reason } = own ?? { up: false, reason: PENDING.verdict };
  const itself = `itself: ${reason}`;
  if (holder === null) return { up, reason: cut(`${itself}; holder has not checked`) };
  const network = `holder: ${holder.reason}`;
  // Who says "down" comes first: the end of a long reason may be cut off.
  const words = up && !holder.up ? `${network}; ${itself}` : `${itself}; ${network}`;
  return { up: up && holder.up, reason: cut(words) };
}

function cut(reason: string): string {
  return reason.length <= REASON_LENGTH_MAX ? reason : reason.slice(0, REASON_LENGTH_MAX - 1) + "…";
}
