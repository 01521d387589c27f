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
import {
  failbackTarget,
  incumbentOf,
  moveTarget,
  presentMembers,
  rankCandidates,
} from "./ownership.ts";
import type { DesiredRow } from "./plan.ts";
import { ownVerdict, poolOf, type PoolServer } from "./pool.ts";
import { isExternal } from "./server.ts";
import { nameOf, type Service, serviceKey, vipOfService } from "./service.ts";
import type { State } from "./state.ts";
import { leaderOf } from "./vip.ts";

/**
 * The only node whose server gets new connections of the VIP from this node's table; null for everybody.
 *
 * - Holder, nobody else claims, no handover: everybody.
 * - Holder in a handover: its successor, so that connections to others end or reach the successor first.
 * - Two claims, or a VIP just let go, or about to be taken over from a holder that hands it over: this node.
 * - Not the holder, but IPVS works here (another VIP is held, or no backup daemon runs): this node, for what
 *   a holder forwards here.
 * - Otherwise the node is bypassed (`backup_only`) and its table is kept complete, ready for a takeover.
 */
export function soleServer(state: State, vip: Ip): NodeId | null {
  const selfId = state.self.id;
  const hold = state.holds.get(vip);
  if (hold !== undefined && hold.phase === "holding") return hold.rival ? selfId : hold.successor;
  if (state.holds.size > 0 || !state.bypassed) return selfId;
  return isSuccessor(state, vip) ? selfId : null;
}

/** Whether a live holder is handing the VIP over to this node, or will soon. */
function isSuccessor(state: State, vip: Ip): boolean {
  // Orders and preferences are about the VIP that leads a group; the others go with it.
  const leader = leaderOf(vip, state.document.vips);
  const members = presentMembers(state, leader);
  const target = moveTarget(state, leader) ?? failbackTarget(state, leader, members);
  const holder = incumbentOf(members);
  if (holder === undefined || !(holder.leaving || target === state.self.id)) return false;
  const others = members.filter((member) => member.id !== holder.id);
  return rankCandidates(state, { members: others, vip: leader, first: target })[0]?.id ===
    state.self.id;
}

/** The row of a service. A server without new connections stays with weight 0. */
export function desiredRow(state: State, service: Service): DesiredRow {
  const pool = poolOf(state, service);
  const weights = weightsOf(state, service, pool);
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
  service: Service,
  pool: readonly PoolServer[],
): Map<PoolServer, number> {
  const sole = soleServer(state, vipOfService(service));
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
