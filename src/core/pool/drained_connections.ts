/**
 * What drained servers still have open. Holders count in their kernel's table and tell it in their records, so that any
 * node can say how far a drain has come.
 */
import { formatEndpoint, type Ip } from "../address.ts";
import { type ClusterDocument, serverEntries } from "../document/document.ts";
import { type Drain, type DrainKey, isDraining } from "../document/drain.ts";
import { TOLD_DRAINS_MAX } from "../limits.ts";
import { incumbentOf } from "../cluster/candidates.ts";
import { presentMembers } from "../cluster/member.ts";
import { isExternal } from "../service/server.ts";
import { type Service, type ServiceKey, serviceKey, vipOfService } from "../service/service.ts";
import type { State } from "../state.ts";
import type { ObservedService } from "../table/table.ts";

/** Connections of a drained server, as IPVS counts them: established ones, and those that are closing or have no end (UDP). */
export interface OpenCount {
  readonly active: number;
  readonly inactive: number;
}

/** The services a drain is about. */
export function drainedFrom(document: ClusterDocument, drain: Drain): Service[] {
  const { service: only, target } = drain;
  const services = only === null ? [...document.services.values()] : document.services.get(only);
  return [services ?? []].flat().filter((service) => {
    if ("node" in target) return service.members;
    return [...serverEntries(document, serviceKey(service))].some((entry) =>
      isExternal(entry) && isTarget(target, entry.target)
    );
  });
}

function isTarget(
  target: { readonly address: Ip; readonly port: number | null },
  server: { readonly address: Ip; readonly port: number },
): boolean {
  return target.port === null
    ? target.address === server.address
    : formatEndpoint({ address: target.address, port: target.port }) === formatEndpoint(server);
}

/**
 * What this node's kernel knows of drained servers, for the VIPs it holds. `looked` is the table as the kernel itself last
 * told it: only a server that had no weight then can have no more connections later. A drain of which this is not
 * known yet is left out.
 */
export function openConnections(
  state: State,
  looked: ReadonlyMap<ServiceKey, ObservedService>,
): Record<DrainKey, OpenCount> {
  const counts: Record<DrainKey, OpenCount> = {};
  if (state.document.drains.size === 0) return counts;
  for (const [key, drain] of state.document.drains) {
    if (!isDraining(drain, state.wallMs)) continue;
    const count = countOf(state, drain, looked);
    if (count !== null) counts[key] = count;
    if (Object.keys(counts).length === TOLD_DRAINS_MAX) break;
  }
  return counts;
}

function countOf(
  state: State,
  drain: Drain,
  looked: ReadonlyMap<ServiceKey, ObservedService>,
): OpenCount | null {
  const held = drainedFrom(state.document, drain)
    .filter((service) => state.holds.get(vipOfService(service))?.phase === "holding");
  if (held.length === 0) return null;
  const isMeant = targetTest(state, drain);
  let active = 0;
  let inactive = 0;
  for (const service of held) {
    const row = looked.get(serviceKey(service));
    if (row === undefined) return null;
    for (const server of row.servers.filter(isMeant)) {
      if (server.weight > 0) return null;
      active += server.counters.activeConnections;
      inactive += server.counters.inactiveConnections;
    }
  }
  return { active, inactive };
}

/** Whether a server, by its address and port, is what is drained. */
export function targetTest(
  state: State,
  { target }: Pick<Drain, "target">,
): (server: { readonly address: Ip; readonly port: number }) => boolean {
  if (!("node" in target)) return (server) => isTarget(target, server);
  const { self } = state;
  const paths = target.node === self.id ? self.paths : state.peers.get(target.node)?.record.paths;
  const addresses = new Set(paths?.map(({ address }) => address));
  return ({ address }) => addresses.has(address);
}

/**
 * What is open in the whole cluster, from what this node counts itself (`own`) and what other holders told; null
 * while a holder has not told, or nobody holds a VIP it is about.
 */
export function openInCluster(
  state: State,
  key: DrainKey,
  own: Readonly<Record<DrainKey, OpenCount>>,
): OpenCount | null {
  const drain = state.document.drains.get(key);
  if (drain === undefined) return null;
  const vips = new Set(drainedFrom(state.document, drain).map(vipOfService));
  const holders = new Set(
    [...vips].map((vip) => incumbentOf(presentMembers(state, vip))?.id ?? null),
  );
  let active = 0;
  let inactive = 0;
  for (const holder of holders) {
    if (holder === null) return null;
    const told = holder === state.self.id ? own[key] : state.peers.get(holder)?.record.open?.[key];
    if (told === undefined) return null;
    active += told.active;
    inactive += told.inactive;
  }
  return { active, inactive };
}
