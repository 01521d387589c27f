/**
 * The row this node wants in its table for a service: which servers get new connections now.
 *
 * Two IPVS tables may never forward new connections to each other, or a packet would run in circles: with
 * direct routing and tunnels a forwarded packet still carries the VIP, and the receiving node's table would
 * balance it again. So at any time at most one node's table spreads over everybody. The others either are
 * bypassed (`backup_only`) or give new connections to themselves only, and a packet that is for oneself is
 * never forwarded. See {@link soleServer}.
 */
import { formatEndpoint, type Ip } from "../address.ts";
import { type ClusterDocument, type NodeId, serverEntries } from "../document/document.ts";
import { givesVipsAway, isMentioned } from "../document/draining.ts";
import { incumbentOf, moveTarget, rankCandidates } from "../cluster/candidates.ts";
import { presentMembers } from "../cluster/member.ts";
import { perDocument } from "../document/per_document.ts";
import type { DesiredRow } from "../table/plan.ts";
import { ownVerdict, poolOf } from "../pool/pool.ts";
import type { PoolServer } from "../pool/pool_server.ts";
import { fallbackServer, judgePool } from "../pool/pool_judgement.ts";
import { isExternal } from "../service/server.ts";
import {
  nameOf,
  type Service,
  type ServiceKey,
  serviceKey,
  vipOfService,
} from "../service/service.ts";
import type { State } from "../state.ts";
import type { TableServer } from "../table/table.ts";
import { leaderOf } from "../document/vip.ts";

/** By VIP: the only node whose server gets new connections from this node's table; null for everybody. */
export type SoleServers = ReadonlyMap<Ip, NodeId | null>;

/**
 * Who gets new connections of each VIP from this node's table. Asked once for all rows.
 *
 * - Holder, nobody else claims, no handover: everybody.
 * - Holder in a handover: its successor, so that connections to others end or reach the successor first.
 * - Two claims, or a VIP just let go: this node.
 * - Not the holder, but IPVS works here (another VIP is held, or no backup daemon runs): this node, for what
 *   a holder forwards here.
 * - Bypassed (`backup_only`), and the next holder of the VIP: everybody, so that the table is ready for a
 *   takeover. But this node for all VIPs while several nodes hold some, or one is handed over to this node, or
 *   nobody holds one that this node would take: taking one VIP ends the bypass for all of them.
 */
export function soleServers(state: State): SoleServers {
  const selfId = state.self.id;
  if (state.holds.size > 0 || !state.bypassed) {
    return new Map(state.vips.map((vip) => {
      const hold = state.holds.get(vip);
      const spreads = hold?.phase === "holding" && !hold.rival;
      return [vip, spreads ? hold.successor : selfId];
    }));
  }
  const prospects = state.vips.map((vip) => prospectOf(state, vip));
  const holders = new Set(prospects.flatMap(({ holder }) => holder ?? []));
  const local = holders.size > 1 || prospects.some(({ handedOver }) => handedOver) ||
    (holders.size > 0 && prospects.some(({ next, holder }) => next && holder === undefined));
  return new Map(state.vips.map((vip, index) => {
    return [vip, !local && prospects[index]?.next ? null : selfId];
  }));
}

/** See {@link soleServers}; of one VIP. */
export function soleServer(state: State, vip: Ip): NodeId | null {
  return soleServers(state).get(vip) ?? null;
}

/** What a node that holds nothing expects of a VIP. */
interface Prospect {
  readonly holder: NodeId | undefined;
  /** This node would be the one to take it over. */
  readonly next: boolean;
  /** Its live holder is handing it over to this node, or will soon. */
  readonly handedOver: boolean;
}

function prospectOf(state: State, vip: Ip): Prospect {
  // Orders and preferences are about the VIP that leads a group; the others go with it.
  const leader = leaderOf(vip, state.document.vips);
  const members = presentMembers(state, leader);
  const back = state.failbacks.get(leader);
  const target = moveTarget(state, leader, members) ?? (back?.near === true ? back.to : null);
  const holder = incumbentOf(members);
  const others = members.filter((member) => member.id !== holder?.id);
  const next =
    rankCandidates(state, { members: others, vip: leader, first: target })[0]?.id === state.self.id;
  const ends = holder !== undefined &&
    (holder.leaving || target === state.self.id || givesVipsAway(state, holder.id) ||
      holder.claim?.yielding === true);
  return { holder: holder?.id, next, handedOver: next && ends };
}

/** The row of a service. A server without new connections stays with weight 0. */
export function desiredRow(
  state: State,
  service: Service,
  soles: SoleServers = soleServers(state),
): DesiredRow {
  const pool = poolOf(state, service);
  const { weights, spare } = share(state, { service, pool, soles });
  const gone = removedServers(service, pool, weights);
  const servers = pool.filter((server) => !gone.has(server)).map((server): TableServer => ({
    address: server.address,
    port: server.port,
    weight: weights.get(server) ?? 0,
    forwarding: server.forwarding,
    tunnel: server.tunnel,
    upper: server.upper,
    lower: server.lower,
  }));
  const { scheduler, flags, onePacket, persistence } = service;
  return {
    service: {
      ...nameOf(service),
      scheduler,
      flags,
      onePacket,
      persistence,
      servers: spare === null ? servers : withSpare(service, servers, spare),
    },
    dropped: new Set([
      ...droppedServers(state, service, spare),
      ...[...gone].map(formatEndpoint),
    ]),
  };
}

/** Servers that failed and leave the table by that, where the service says so. */
function removedServers(
  { onFailure }: Service,
  pool: readonly PoolServer[],
  weights: ReadonlyMap<PoolServer, number>,
): ReadonlySet<PoolServer> {
  if (onFailure !== "remove") return new Set();
  return new Set(
    pool.filter((server) => !server.up && server.failed && (weights.get(server) ?? 0) === 0),
  );
}

/** Keys of services of which a server that is no member is in maintenance, or was lately. */
const drainedServices = perDocument(({ document }): ReadonlySet<ServiceKey> => {
  const keys = new Set<ServiceKey>();
  for (const [key, entries] of document.drains.size > 0 ? document.servers : []) {
    for (const { target } of entries.values()) {
      if (!("address" in target) || !isMentioned(document, key, { node: null, ...target })) {
        continue;
      }
      keys.add(key);
      break;
    }
  }
  return keys;
});

/**
 * The row while the fallback serves: it and the servers without new connections. A fallback that is a server of the pool
 * too gets them as such.
 */
function withSpare(
  service: Service,
  servers: readonly TableServer[],
  spare: TableServer,
): TableServer[] {
  const others = servers.filter((server) => formatEndpoint(server) !== formatEndpoint(spare));
  return stumbles(service) ? [spare] : [...others, spare];
}

/** These schedulers refuse a client that its hash leads to a server of weight 0 (ip_vs_sh.c, ip_vs_dh.c): none may stay. */
function stumbles({ scheduler, flags }: Service): boolean {
  return scheduler === "dh" || (scheduler === "sh" && !flags.includes("flag-1"));
}

/**
 * Whether the row of a service is the same whatever nodes come, go, hold and find out: machines without an agent that
 * nobody checks are all its servers. Drains may end by themselves: see {@link drainedServices}.
 */
export function followsFromDocument(service: Service): boolean {
  return !service.members && service.check.kind === "none";
}

/** Whether the row may have to be other than before: it is about nodes, or the operator has said something new since `marked`. */
export function mayDiffer(state: State, service: Service, marked: ClusterDocument | null): boolean {
  const key = serviceKey(service);
  const { services, servers } = state.document;
  return !followsFromDocument(service) || drainedServices(state).has(key) ||
    marked?.services.get(key) !== services.get(key) ||
    marked?.servers.get(key) !== servers.get(key);
}

function droppedServers(
  state: State,
  service: Service,
  spare: TableServer | null,
): Set<string> {
  const dropped = new Set<string>();
  if (stumbles(service)) {
    const { server } = fallbackServer(state, service);
    const left = spare === null ? (server === null ? [] : [server]) : poolOf(state, service);
    for (const one of left) dropped.add(formatEndpoint(one));
  }
  for (const entry of serverEntries(state.document, serviceKey(service))) {
    if (isExternal(entry) && entry.off) dropped.add(formatEndpoint(entry.target));
  }
  return dropped;
}

/** A pool whose weights are asked for. */
interface Weighed {
  readonly service: Service;
  readonly pool: readonly PoolServer[];
  readonly soles: SoleServers;
}

/** The weight of every candidate now. */
export function weightsOf(
  state: State,
  { service, pool, soles = soleServers(state) }:
    & Pick<Weighed, "service" | "pool">
    & { readonly soles?: SoleServers },
): Map<PoolServer, number> {
  return share(state, { service, pool, soles }).weights;
}

/** Who gets new connections now: weights, and the fallback (`spare`) while it serves instead. */
interface Share {
  readonly weights: Map<PoolServer, number>;
  readonly spare: TableServer | null;
}

function share(state: State, { service, pool, soles }: Weighed): Share {
  const { mode, kept } = judgePool(state, service, pool);
  const spare = mode === "fallback" ? fallbackServer(state, service).server : null;
  if (spare !== null) return { weights: new Map(pool.map((server) => [server, 0])), spare };
  const sole = soles.get(vipOfService(service)) ?? null;
  const selfId = state.self.id;
  const isSole = (server: PoolServer) => sole !== null && server.node === sole;
  const isUp = (server: PoolServer) => server.up || kept.has(formatEndpoint(server));
  const gets = (server: PoolServer) =>
    // What reaches this node has nobody else: whether it leaves, is held down or has not been checked since its agent
    // started, it serves as long as nothing says that its server does not work.
    isSole(server) && sole === selfId
      ? !ownVerdict(state, service).failed || isUp(server)
      : isUp(server) && server.weight > 0;
  // This node alone means nobody else, even while its own server is down: whoever forwards here may not
  // know that yet, and would get its packet back. A successor that is down is no reason to serve nobody.
  const strict = pool.some((server) => isSole(server) && (sole === selfId || gets(server)));
  const weights = pool.map((server): [PoolServer, number] => {
    if (!strict) return [server, isUp(server) ? server.weight : 0];
    if (!isSole(server) || !gets(server)) return [server, 0];
    // A drained node that is alone serves what still reaches it: nobody else would.
    return [server, sole === selfId ? Math.max(1, server.weight) : server.weight];
  });
  return { weights: new Map(weights), spare };
}
