/**
 * How late the event loop is: the one number that tells whether pulses can go out on time.
 */

/** Window over which the longest delay is told, ms. */
const WINDOW_MS = 60_000;

/** See the head of this file. */
export interface LoopDelay {
  /** To be called by the timer, with the monotonic time. */
  beat(now: number): void;
  /** Tells after how many ms the next beat is due. */
  expect(periodMs: number): void;
  /** The last delay, ms. */
  lastMs(): number;
  /** The longest delay of the present and the previous window, ms. */
  maxMs(): number;
  /** When the loop last ran. */
  beatMs(): number;
}

/** Measures the delay of a timer whose first beat is due after `firstMs`. */
export function loopDelay(firstMs: number, startMs: number): LoopDelay {
  let beatMs = startMs;
  let periodMs = firstMs;
  let lastMs = 0;
  let windowMs = startMs;
  let longest = 0;
  let previous = 0;
  return {
    beat(now) {
      lastMs = Math.max(0, now - beatMs - periodMs);
      beatMs = now;
      longest = Math.max(longest, lastMs);
      if (now - windowMs < WINDOW_MS) return;
      windowMs = now;
      previous = longest;
      longest = 0;
    },
    expect: (nextMs) => {
      periodMs = nextMs;
    },
    lastMs: () => lastMs,
    maxMs: () => Math.max(longest, previous),
    beatMs: () => beatMs,
  };
}
