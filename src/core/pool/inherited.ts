/**
 * Who serves while an agent that adopted its VIPs knows nothing of its servers yet: whom its earlier run left in the
 * kernel's table. That is less than a lease old; a row without weights would refuse every client until checks have ended.
 */
import { formatEndpoint } from "../address.ts";
import { type Service, serviceKey, vipOfService } from "../service/service.ts";
import type { State } from "../state.ts";
import type { InheritedRows } from "../state/inherited_rows.ts";
import { LEAVING, type PoolServer } from "./pool_server.ts";

/**
 * Time from the start of this agent for which that counts, ms. Checks end it one by one, mostly within a second, and a
 * node that is not heard is dead by then; this is for what nobody ever says anything of.
 */
export const INHERITED_MS = 10_000;

/** An agent that starts has read the rows that an earlier run of it left. */
export interface InheritedFact {
  readonly kind: "inherited";
  readonly rows: InheritedRows;
}

/** Folds it into the state: rows of VIPs that were adopted count, others may be of any age. */
export function inherit(state: State, { rows }: InheritedFact): void {
  state.inherited = new Map(
    [...rows].filter(([key]) => {
      const service = state.document.services.get(key);
      return service !== undefined &&
        state.holds.get(vipOfService(service))?.phase === "holding";
    }),
  );
  state.tableVersion++;
}

/** Ends it in time; true when it did. */
export function endInheritance(state: State, now: number): boolean {
  if (state.inherited.size === 0 || now - state.startedMs < INHERITED_MS) return false;
  state.inherited = new Map();
  return true;
}

/** Whether a server got connections by the row that was left. */
export function isInherited(
  state: State,
  service: Service,
  server: Pick<PoolServer, "address" | "port">,
): boolean {
  return state.inherited.get(serviceKey(service))?.has(formatEndpoint(server)) === true;
}

/** The pool, in which servers of which nobody has said anything since go on where they were. */
export function withInherited(
  state: State,
  service: Service,
  pool: readonly PoolServer[],
): readonly PoolServer[] {
  if (!state.inherited.has(serviceKey(service))) return pool;
  return pool.map((server) =>
    isUntold(server) && isInherited(state, service, server)
      ? { ...server, up: true, reason: `goes on from before a restart; ${server.reason}` }
      : server
  );
}

function isUntold({ up, held, failed, reason }: PoolServer): boolean {
  return !up && !held && !failed && reason !== LEAVING;
}
