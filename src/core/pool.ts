/**
 * Which real servers a virtual service has on this node, and which of them get new connections.
 *
 * Two IPVS tables may never forward new connections to each other, or a packet would run in circles: with
 * direct routing a forwarded packet still carries the VIP, and the receiving node's table would balance it
 * again. So at any time at most one node's table spreads over everybody. The others either are bypassed
 * (`backup_only`) or give new connections to themselves only, and a packet that is for oneself is never
 * forwarded. See {@link soleServer}.
 */
import { type Ip, ipFamily } from "./address.ts";
import type { NodeId } from "./document.ts";
import { combineVerdicts } from "./health.ts";
import { incumbentOf, moveTarget, presentMembers, rankCandidates } from "./ownership.ts";
import type { NodeRecord, Path } from "./record.ts";
import { type Service, serviceKey } from "./service.ts";
import type { Peer, State } from "./state.ts";
import type { TableService } from "./table.ts";

/** Weight of a server that gets new connections. */
export const WEIGHT_UP = 1;

/** One candidate of a service's pool. */
export interface PoolServer {
  readonly node: NodeId;
  readonly name: string;
  readonly address: Ip;
  readonly port: number;
  /** In the pool: gets new connections while this node spreads over everybody. */
  readonly up: boolean;
  readonly reason: string;
  /** The member's own verdict, in words. */
  readonly own: string;
  /** This node's verdict over the network, in words; empty when it does not check. */
  readonly reached: string;
}

/**
 * The candidates of a service: every member that is a real server and has not left. Sorted by name.
 *
 * One per address, as in the kernel's row: a machine that was set up anew has a new id and its old address,
 * and the node it was before must not take its place.
 */
export function poolOf(state: State, service: Service): PoolServer[] {
  const servers: PoolServer[] = [];
  const add = (server: PoolServer | undefined) => {
    if (server === undefined || servers.some(({ address }) => address === server.address)) return;
    servers.push(server);
  };
  add(selfServer(state, service));
  const absent: Peer[] = [];
  for (const peer of state.peers.values()) {
    if (absence(peer) === null) add(peerServer(peer, service));
    else absent.push(peer);
  }
  for (const peer of absent) add(peerServer(peer, service));
  return servers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function selfServer(state: State, service: Service): PoolServer | undefined {
  const { self } = state;
  const address = serverAddress(self.paths, service);
  if (!self.realServer || address === undefined) return undefined;
  const { up, reason } = ownVerdict(state, service);
  const leaving = state.phase === "leaving" || state.phase === "stopped";
  return {
    node: self.id,
    name: self.name,
    address,
    port: service.port,
    up: up && !leaving,
    reason: leaving ? "is leaving" : reason,
    own: reason,
    reached: "",
  };
}

function peerServer(peer: Peer, service: Service): PoolServer | undefined {
  const { record, life } = peer;
  const address = serverAddress(record.paths, service);
  if (!record.realServer || address === undefined || life.state === "left") return undefined;
  const own = record.verdicts[serviceKey(service)] ?? null;
  const reached = peer.reached.get(serviceKey(service)) ?? null;
  const absent = absence(peer);
  const verdict = own === null
    ? { up: false, reason: "no verdict yet" }
    : combineVerdicts(own, reached);
  return {
    node: record.id,
    name: record.name,
    address,
    port: service.port,
    up: absent === null && verdict.up,
    reason: absent ?? verdict.reason,
    own: own?.reason ?? "no verdict yet",
    reached: reached?.reason ?? "",
  };
}

function absence(peer: Peer): string | null {
  if (peer.life.state === "dead") return "its node is dead";
  // Until a run of a peer has proved itself, nobody knows whether it claims the same VIP.
  if (peer.life.heardMs === -Infinity) return "not heard yet";
  if (peer.life.leaving || peer.record.phase !== "running") return "is leaving";
  if (peer.life.starting) return "is starting";
  return null;
}

/** The address under which a node's server is reached for a service: the first of the VIP's family. */
export function serverAddress(
  paths: readonly Path[] | NodeRecord["paths"],
  service: Service,
): Ip | undefined {
  return paths.find((path) => ipFamily(path.address) === ipFamily(service.address))?.address;
}

/** This node's verdict about its own server: the listening socket first, then the check. */
export function ownVerdict(state: State, service: Service): { up: boolean; reason: string } {
  const key = serviceKey(service);
  const deaf = state.deaf.get(key);
  if (deaf !== undefined) return { up: false, reason: deaf };
  const history = state.own.get(key);
  if (history === undefined) return { up: false, reason: "not checked yet" };
  return { up: history.up, reason: history.reason };
}

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

/** Whether a live holder is handing the VIP over to this node. */
function isSuccessor(state: State, vip: Ip): boolean {
  const members = presentMembers(state, vip);
  const target = moveTarget(state, vip);
  const holder = incumbentOf(members);
  if (holder === undefined || !(holder.leaving || target === state.self.id)) return false;
  const others = members.filter((member) => member.id !== holder.id);
  return rankCandidates(others, vip, target)[0]?.id === state.self.id;
}

/** The row this node wants in its table for a service. A server without new connections stays with weight 0. */
export function desiredRow(state: State, service: Service): TableService {
  const pool = poolOf(state, service);
  const weights = weightsOf(state, service, pool);
  return {
    address: service.address,
    port: service.port,
    protocol: service.protocol,
    scheduler: service.scheduler,
    servers: pool.map((server) => ({
      address: server.address,
      port: server.port,
      weight: weights.get(server.node) ?? 0,
      forwarding: service.forwarding,
    })),
  };
}

/** The weight of every candidate now, by node. */
export function weightsOf(
  state: State,
  service: Service,
  pool: readonly PoolServer[],
): Map<NodeId, number> {
  const sole = soleServer(state, service.address);
  const selfId = state.self.id;
  const gets = (server: PoolServer) =>
    // A leaving node still serves what reaches it, as long as its server works.
    server.node === sole && sole === selfId ? ownVerdict(state, service).up : server.up;
  // This node alone means nobody else, even while its own server is down: whoever forwards here may not
  // know that yet, and would get its packet back. A successor that is down is no reason to serve nobody.
  const strict = pool.some((server) => server.node === sole && (sole === selfId || gets(server)));
  return new Map(pool.map((server) => {
    const chosen = strict ? server.node === sole && gets(server) : server.up;
    return [server.node, chosen ? WEIGHT_UP : 0];
  }));
}
