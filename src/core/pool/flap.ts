/**
 * Damping: a server that goes down again and again is held down for a while, so that clients do not meet it each time
 * it looks well for a moment. The hold is bounded, grows while the server goes on like that, and never takes the last
 * server of a service (see poolOf). Times are monotonic ms.
 */

/** Time within which going down is counted, ms. A daemon that is restarted in a circle does it every few seconds. */
export const FLAP_WINDOW_MS = 60_000;
/** How often a server may go down in that time: two deployments with a restart or two each are not flapping. */
export const FLAP_DOWNS_MAX = 4;
/** The same while it is on probation after a hold: once may be chance. */
export const FLAP_DOWNS_AGAIN_MAX = 1;
/** The first hold, ms: long enough for several restarts to be over. */
export const FLAP_HOLD_MS_MIN = 10_000;
/** The longest hold, ms: a server that was mended is not missed for longer than an operator takes to look. */
export const FLAP_HOLD_MS_MAX = 300_000;
/** Time without going down after which all is forgotten, ms: twice the longest hold. */
export const FLAP_CALM_MS = 600_000;

/** What is remembered of a server. */
export interface Flap {
  /** When it went down, within the window. */
  readonly downsMs: readonly number[];
  /** When it last went down. */
  readonly lastMs: number;
  /** How many holds there were: each is twice as long as the one before. */
  readonly holds: number;
  /** End of the present or last hold; -Infinity before the first. */
  readonly untilMs: number;
  /** How often it had gone down when the hold began. */
  readonly counted: number;
}

/** What is remembered after the server has gone down once more. */
export function noteDown(before: Flap | undefined, now: number): Flap {
  const known = before !== undefined && now - before.lastMs < FLAP_CALM_MS ? before : undefined;
  const holds = known?.holds ?? 0;
  const untilMs = known?.untilMs ?? -Infinity;
  const downsMs = [...known?.downsMs ?? [], now].filter((ms) => now - ms < FLAP_WINDOW_MS);
  const allowed = holds === 0 ? FLAP_DOWNS_MAX : FLAP_DOWNS_AGAIN_MAX;
  if (downsMs.length <= allowed) {
    return { downsMs, lastMs: now, holds, untilMs, counted: known?.counted ?? 0 };
  }
  const holdMs = Math.min(FLAP_HOLD_MS_MAX, FLAP_HOLD_MS_MIN * 2 ** Math.min(holds, 10));
  return {
    downsMs: [],
    lastMs: now,
    holds: holds + 1,
    untilMs: Math.max(untilMs, now + holdMs),
    counted: downsMs.length,
  };
}

/** Whether the server is held down. */
export function isHeld(flap: Flap | undefined, now: number): flap is Flap {
  return flap !== undefined && now < flap.untilMs;
}

/** Why it is held down and for how long, for people. */
export function heldWords({ untilMs, counted }: Flap, now: number): string {
  const seconds = Math.ceil((untilMs - now) / 1_000);
  return `held down for ${seconds} s more: went down ${counted} times in ${
    FLAP_WINDOW_MS / 1_000
  } s; \`troop undrain\` ends it`;
}
