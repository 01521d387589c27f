/**
 * When a holder tells its neighbours that it has a VIP: by a schedule from every moment at which they may believe otherwise.
 * The schedules run side by side: whoever missed something later must not make the others wait.
 */
import type { Ip } from "../address.ts";
import type { Hold, State } from "../state.ts";
import { ANNOUNCE_MS, ANNOUNCE_REFRESH_MS } from "../timing.ts";

/** Schedules that run side by side at most: more begin only where a node comes and goes all the time. */
const SCHEDULES_MAX = 8;
/** How long a schedule runs, ms. */
const SCHEDULE_MS = Math.max(...ANNOUNCE_MS);

/** Begins a schedule. */
export function announceAnew(hold: Hold, now: number): void {
  const running = hold.announceFrom.filter((fromMs) => fromMs + SCHEDULE_MS > hold.announcedMs);
  hold.announceFrom = [...running, now].slice(-SCHEDULES_MAX);
}

/** VIPs this node should announce now. */
export function announcementsDue(state: State, now: number): Ip[] {
  return [...state.holds].filter(([, hold]) => hold.phase === "holding" && isDue(hold, now))
    .map(([vip]) => vip);
}

/** Whether anything was due since the last announcement: one that failed stays due. */
function isDue({ announceFrom, announcedMs }: Hold, now: number): boolean {
  const isNew = (dueMs: number) => announcedMs < dueMs && dueMs <= now;
  return announceFrom.some((fromMs) => ANNOUNCE_MS.some((offsetMs) => isNew(fromMs + offsetMs))) ||
    now - announcedMs >= ANNOUNCE_REFRESH_MS;
}
