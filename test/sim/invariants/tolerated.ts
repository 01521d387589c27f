/**
 * What may be wrong for a while after anything happened, and not for longer.
 */
import type { Invariant } from "../invariant.ts";
import type { Play } from "../play.ts";

/** Something that is wrong now. */
export interface Wrong {
  /** Names it from one look to the next. */
  readonly key: string;
  /** In words. */
  readonly what: string;
  /** False: its time counts, but nobody is to blame now. */
  readonly judged?: boolean;
}

/** How long, and how what took so long is called; `find` tells all that is wrong now. */
export interface Tolerance {
  readonly promise: string;
  readonly boundMs: number;
  readonly find: () => Iterable<Wrong>;
}

/** Breaks when something has been wrong for longer than the bound, and nothing new has happened for so long. */
export function tolerated(play: Play, { promise, boundMs, find }: Tolerance): Invariant {
  let since = new Map<string, number>();
  let dueMs = Infinity;
  return {
    dueMs: () => dueMs,
    look: () => {
      const { world: { nowMs }, disturbedMs } = play;
      const next: typeof since = new Map();
      dueMs = Infinity;
      for (const { key, what, judged = true } of find()) {
        const fromMs = Math.max(since.get(key) ?? nowMs, disturbedMs);
        next.set(key, fromMs);
        dueMs = Math.min(dueMs, fromMs + boundMs + 1);
        if (!judged) continue;
        play.took(`${promise} (bound ${boundMs})`, nowMs - fromMs);
        if (nowMs - fromMs > boundMs) return what;
      }
      since = next;
      return null;
    },
  };
}
