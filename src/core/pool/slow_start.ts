/**
 * Slow start: a server that comes up gets a small share first, which grows in steps to the full one. Who comes up
 * slowly: see rises.ts.
 */
import { formatEndpoint } from "../address.ts";
import type { PoolServer } from "./pool_server.ts";
import { type Service, serviceKey } from "../service/service.ts";
import type { State } from "../state.ts";

/** Most steps of one slow start: finer ones change nothing that clients could notice. */
export const SLOW_START_STEPS_MAX = 20;
/** Shortest time between two steps, ms: each is a change of the kernel's table. */
export const SLOW_START_STEP_MS_MIN = 1_000;
/** How many steps a slow start of this length has. */
export function stepsOf(slowStartMs: number): number {
  const most = Math.floor(slowStartMs / SLOW_START_STEP_MS_MIN);
  return Math.min(SLOW_START_STEPS_MAX, Math.max(1, most));
}

/** The share of a server so long after it came up: grows in steps, never 0, in the end 1. */
export function shareAfter(slowStartMs: number, elapsedMs: number): number {
  if (elapsedMs >= slowStartMs) return 1;
  const steps = stepsOf(slowStartMs);
  const step = Math.floor(Math.max(0, elapsedMs) * steps / slowStartMs);
  return Math.min(1, (step + 1) / (steps + 1));
}

/** The share of a server of a pool now. */
export function riseShare(state: State, service: Service, server: PoolServer): number {
  if (service.slowStartMs === 0) return 1;
  return state.rises.get(riseKey(service, server))?.share ?? 1;
}

/** What names a server of a service among the rises. */
export function riseKey(service: Service, server: PoolServer): string {
  return `${serviceKey(service)}|${formatEndpoint(server)}`;
}
