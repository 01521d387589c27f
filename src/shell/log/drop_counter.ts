/**
 * Counts what is dropped, by reason, and says so in the log at most once a minute per reason: a stranger
 * who sends a million bad packets must not fill the disk with a million lines.
 */
import type { Notices } from "./notices.ts";

/** Time between two lines about one reason, ms. Longer hides a new cause, shorter floods the log. */
export const DROP_NOTICE_INTERVAL_MS = 60_000;

/** Counts drops by reason. */
export interface DropCounter<Reason extends string> {
  /** Counts one drop; `detail` goes into the line, when one is due. */
  drop(reason: Reason, detail?: object): void;
  /** Drops so far. Reasons that never came are missing. */
  counts(): ReadonlyMap<Reason, number>;
}

/** See {@link createDropCounter}. */
export interface DropCounterOptions {
  readonly notices: Notices;
  /** What is dropped, in the plural: "pulses". */
  readonly what: string;
  /** Monotonic ms. */
  readonly now?: () => number;
}

/** Makes a counter at zero. */
export function createDropCounter<Reason extends string>(
  { notices, what, now = () => performance.now() }: DropCounterOptions,
): DropCounter<Reason> {
  const counts = new Map<Reason, number>();
  const lastNotice = new Map<Reason, { atMs: number; count: number }>();
  return {
    drop(reason, detail = {}) {
      const count = (counts.get(reason) ?? 0) + 1;
      counts.set(reason, count);
      const last = lastNotice.get(reason);
      const nowMs = now();
      if (last !== undefined && nowMs - last.atMs < DROP_NOTICE_INTERVAL_MS) return;
      lastNotice.set(reason, { atMs: nowMs, count });
      notices.warn({ ...detail, reason, dropped: count - (last?.count ?? 0) }, `drop ${what}`);
    },
    counts: () => new Map(counts),
  };
}
