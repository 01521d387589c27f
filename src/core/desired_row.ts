/**
 * The row this node wants in its table for a service: which servers get new connections now.
 *
 * Two IPVS tables may never forward new connections to each other, or a packet would run in circles: with
 * direct routing and tunnels a forwarded packet still carries the VIP, and the receiving node's table would
 * balance it again. So at any time at most one node's table spreads over everybody. The others either are
 * bypassed (`backup_only`) or give new connections to themselves only, and a packet that is for oneself is
 * never forwarded. See {@link soleServer}.
 */
import { formatEndpoint, type Ip } from "./address.ts";
import { type NodeId, serverEntries } from "./document.ts";
import { incumbentOf, moveTarget, presentMembers, rankCandidates } from "./ownership.ts";
import type { DesiredRow } from "./plan.ts";
import { ownVerdict, poolOf, type PoolServer } from "./pool.ts";
import { isExternal } from "./server.ts";
import { nameOf, type Service, serviceKey, vipOfService } from "./service.ts";
import type { State } from "./state.ts";
import { leaderOf } from "./vip.ts";

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
 *   takeover. But this node for all VIPs while several nodes hold some, or one is handed over to this node:
 *   taking one VIP ends the bypass for all of them.
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
  const local = holders.size > 1 || prospects.some(({ handedOver }) => handedOver);
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
  const target = moveTarget(state, leader) ?? (back?.near === true ? back.to : null);
  const holder = incumbentOf(members);
  const others = members.filter((member) => member.id !== holder?.id);
  const next =
    rankCandidates(state, { members: others, vip: leader, first: target })[0]?.id === state.self.id;
  const ends = holder !== undefined && (holder.leaving || target === state.self.id);
  return { holder: holder?.id, next, handedOver: next && ends };
}

/** The row of a service. A server without new connections stays with weight 0. */
export function desiredRow(
  state: State,
  service: Service,
  soles: SoleServers = soleServers(state),
): DesiredRow {
  const pool = poolOf(state, service);
  const weights = weightsOf(state, { service, pool, soles });
  const { scheduler, flags, onePacket, persistence } = service;
  return {
    service: {
      ...nameOf(service),
      scheduler,
      flags,
      onePacket,
      persistence,
      servers: pool.map((server) => ({
        address: server.address,
        port: server.port,
        weight: weights.get(server) ?? 0,
        forwarding: server.forwarding,
        tunnel: server.tunnel,
        upper: server.upper,
        lower: server.lower,
      })),
    },
    dropped: droppedServers(state, service),
  };
}

/**
 * Whether the row of a service is the same whatever nodes come, go, hold and find out: machines without an agent that
 * nobody checks are all its servers.
 */
export function followsFromDocument(service: Service): boolean {
  return !service.members && service.check.kind === "none";
}

function droppedServers(state: State, service: Service): Set<string> {
  const dropped = new Set<string>();
  for (const entry of serverEntries(state.document, serviceKey(service))) {
    if (isExternal(entry) && entry.off) dropped.add(formatEndpoint(entry.target));
  }
  return dropped;
}

/** The weight of every candidate now. */
export function weightsOf(
  state: State,
  { service, pool, soles = soleServers(state) }: {
    readonly service: Service;
    readonly pool: readonly PoolServer[];
    readonly soles?: SoleServers;
  },
): Map<PoolServer, number> {
  const sole = soles.get(vipOfService(service)) ?? null;
  const selfId = state.self.id;
  const isSole = (server: PoolServer) => sole !== null && server.node === sole;
  const gets = (server: PoolServer) =>
    // A leaving node still serves what reaches it, as long as its server works.
    isSole(server) && sole === selfId
      ? ownVerdict(state, service).up
      : server.up && server.weight > 0;
  // This node alone means nobody else, even while its own server is down: whoever forwards here may not
  // know that yet, and would get its packet back. A successor that is down is no reason to serve nobody.
  const strict = pool.some((server) => isSole(server) && (sole === selfId || gets(server)));
  return new Map(pool.map((server) => {
    if (!strict) return [server, server.up ? server.weight : 0];
    if (!isSole(server) || !gets(server)) return [server, 0];
    // A drained node that is alone serves what still reaches it: nobody else would.
    return [server, sole === selfId ? Math.max(1, server.weight) : server.weight];
  }));
}
