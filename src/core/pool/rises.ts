/**
 * Who comes up slowly: every director watches its pools, so a successor goes on where its predecessor was. Only what
 * was seen down comes up slowly: at the start of a node or a cluster, and for a server nobody knows anything of yet,
 * nothing is slow. How slowly: see slow_start.ts.
 */
import { PENDING } from "./health.ts";
import { poolOf } from "./pool.ts";
import type { PoolServer } from "./pool_server.ts";
import type { Service } from "../service/service.ts";
import { riseKey, shareAfter } from "./slow_start.ts";
import type { State } from "../state.ts";
import type { Rise } from "../state/rise.ts";

/**
 * Time from the start of this node in which a server that was never seen up is not slowed when it comes up, ms: after
 * a power cut everything starts together, the servers a little later than the agents.
 */
export const SLOW_START_CALM_MS = 15_000;

/** Takes the next step of whatever grows; whether there was one. */
export function growShares(state: State, now: number): boolean {
  let grown = false;
  for (const [key, rise] of state.rises) {
    if (rise.fromMs === null) continue;
    const slowStartMs = state.document.services.get(key.slice(0, key.indexOf("|")))?.slowStartMs;
    const share = shareAfter(slowStartMs ?? 0, now - rise.fromMs);
    if (share === rise.share) continue;
    state.rises.set(key, { ...rise, share, fromMs: share === 1 ? null : rise.fromMs });
    grown = true;
  }
  return grown;
}

/** Looks who came up and who went down since the last look. True when a share is another one now. */
export function noteRises(state: State, now: number): boolean {
  const known = new Map(state.rises);
  let changed = false;
  state.rises.clear();
  for (const service of state.document.services.values()) {
    if (service.slowStartMs === 0) continue;
    for (const server of poolOf(state, service)) {
      const key = riseKey(service, server);
      const before = known.get(key);
      const after = noted(state, { service, server, before, now });
      if (after === undefined) continue;
      state.rises.set(key, after);
      if (after.share !== (before?.share ?? 1)) changed = true;
    }
  }
  return changed;
}

interface Look {
  readonly service: Service;
  readonly server: PoolServer;
  readonly before: Rise | undefined;
  readonly now: number;
}

function noted(state: State, { service, server, before, now }: Look): Rise | undefined {
  const serving = server.up && server.drain === null;
  if (before === undefined) {
    return serving || isKnownDown(server)
      ? { serving, served: serving, fromMs: null, share: 1 }
      : undefined;
  }
  if (!serving) return { ...before, serving, fromMs: null, share: 1 };
  if (before.serving) return before;
  const slow = before.served || now - state.startedMs >= SLOW_START_CALM_MS;
  return {
    serving,
    served: true,
    fromMs: slow ? now : null,
    share: slow ? shareAfter(service.slowStartMs, 0) : 1,
  };
}

/** Whether anything is known that speaks against it: that nobody has looked yet does not. */
function isKnownDown({ failed, drain, reason }: PoolServer): boolean {
  return drain !== null || (failed && reason !== PENDING.check && reason !== PENDING.verdict);
}
