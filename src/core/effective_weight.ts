/**
 * The weight a server of a pool has now: what operators gave it, less what speaks against it at the moment.
 */
import { drainOf, drainWords } from "./drain.ts";
import type { PoolServer } from "./pool.ts";
import { type Service, serviceKey } from "./service.ts";
import type { State } from "./state.ts";

/** The candidate with its weight of this moment, and the reason for it. */
export function adjusted(state: State, service: Service, server: PoolServer): PoolServer {
  const drain = drainOf(state, serviceKey(service), server);
  if (drain !== null) {
    return { ...server, weight: 0, drain, reason: `${drainWords(drain)}; ${server.reason}` };
  }
  return server;
}
