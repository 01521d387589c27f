/**
 * The weight a server of a pool has now: what operators gave it, less what speaks against it at the moment.
 *
 * Weight = base × advice × slow start × load. Weights of the kernel are whole numbers, so services with parts of weights
 * have all their weights multiplied by {@link WEIGHT_SCALE}: only their ratio counts. What operators do not take to zero
 * never is zero.
 */
import { drainWords } from "../document/drain.ts";
import { drainOf } from "../document/draining.ts";
import type { Check } from "../check.ts";
import { type ClusterDocument, serverEntries } from "../document/document.ts";
import { WEIGHT_MAX } from "../limits.ts";
import type { PoolServer } from "./pool_server.ts";
import { type Service, serviceKey } from "../service/service.ts";
import { riseShare } from "./slow_start.ts";
import type { State } from "../state.ts";

/** By what weights are multiplied where parts of them are used: one percent of weight 1 is a whole number then. */
export const WEIGHT_SCALE = 100;

/** The candidates with their weights of this moment, and the reasons for them. */
export function adjusted(
  state: State,
  service: Service,
  pool: readonly PoolServer[],
): PoolServer[] {
  const scale = scaleOf(state.document, service);
  return pool.map((server) => adjustedServer(state, service, { server, scale }));
}

/** By what a service's weights are multiplied: 1 where every server has its whole weight or none. */
export function scaleOf(document: ClusterDocument, service: Service): number {
  if (service.slowStartMs === 0 && !service.adaptWeights && !isAdvised(service.check)) return 1;
  // Weights servers name themselves are small as a rule (HAProxy's end at 256); larger ones are cut off.
  let most = Math.max(1, service.weight);
  for (const { weight } of serverEntries(document, serviceKey(service))) {
    most = Math.max(most, weight ?? 0);
  }
  return Math.max(1, Math.min(WEIGHT_SCALE, Math.floor(WEIGHT_MAX / most)));
}

/** Whether servers may say something of their weight. */
function isAdvised({ kind }: Check): boolean {
  return kind === "agent" || kind === "external";
}

function adjustedServer(
  state: State,
  service: Service,
  { server, scale }: { readonly server: PoolServer; readonly scale: number },
): PoolServer {
  const { advice } = server;
  const drain = drainOf(state, serviceKey(service), server);
  if (drain !== null) {
    return { ...server, weight: 0, drain, reason: `${drainWords(drain)}; ${server.reason}` };
  }
  if (advice?.state === "drain" || advice?.state === "maint") {
    return { ...server, weight: 0, reason: `it says ${advice.words}; ${server.reason}` };
  }
  const base = advice?.weight ?? server.weight;
  const load = server.node === null || !service.adaptWeights
    ? 100
    : state.loads.get(server.node)?.percent ?? 100;
  const parts: readonly (readonly [string, number])[] = [
    ["it says", (advice?.weightPercent ?? 100) / 100],
    ["slow start", riseShare(state, service, server)],
    ["load", load / 100],
  ];
  const factor = parts.reduce((product, [, part]) => product * part, scale);
  const weight = base * factor;
  const words = [
    ...(advice?.weight === undefined ? [] : [`it says weight ${advice.weight}`]),
    ...parts.filter(([, part]) => part !== 1).map(([what, part]) =>
      `${what} ${Math.round(part * 100)} %`
    ),
  ];
  return {
    ...server,
    weight: weight > 0 ? Math.max(1, Math.min(WEIGHT_MAX, Math.round(weight))) : 0,
    reason: server.up && words.length > 0 ? `${server.reason}; ${words.join(", ")}` : server.reason,
  };
}
