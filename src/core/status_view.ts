/**
 * The status document, made from the state and the kernel's table.
 */
import { formatEndpoint, type Ip } from "./address.ts";
import { formatCheck } from "./check.ts";
import { judgeLife } from "./liveness.ts";
import { incumbentOf, presentMembers } from "./ownership.ts";
import { poolOf, WEIGHT_UP } from "./pool.ts";
import { type Service, type ServiceKey, serviceKey } from "./service.ts";
import type { Peer, State } from "./state.ts";
import type { Status, StatusNode, StatusService, StatusVip } from "./status.ts";
import type { ObservedServer, ObservedService } from "./table.ts";

/** What the state does not know. */
export interface StatusContext {
  readonly now: number;
  readonly wallMs: number;
  /** The kernel's table as last seen, by service key. */
  readonly table: ReadonlyMap<ServiceKey, ObservedService>;
}

/** Makes the status document. */
export function statusOf(state: State, context: StatusContext): Status {
  const { self } = state;
  return {
    cluster: self.cluster,
    node: self.name,
    time: new Date(context.wallMs).toISOString(),
    version: self.version,
    nodes: [
      selfNode(state),
      ...[...state.peers.values()].map((peer) => peerNode(state, peer, context.now)),
    ]
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    vips: state.vips.map((vip) => statusVip(state, vip)),
    services: [...state.document.services.values()]
      .sort((a, b) => (serviceKey(a) < serviceKey(b) ? -1 : 1))
      .map((service) => statusService(state, service, context)),
  };
}

function selfNode(state: State): StatusNode {
  const { self } = state;
  const unfit = state.vips.map((vip) => state.placements.get(vip)?.unfit ?? null).find((reason) =>
    reason !== null
  );
  return {
    name: self.name,
    id: self.id,
    address: self.paths[0].address,
    state: state.phase === "stopped" ? "left" : "alive",
    reason: state.phase === "running" ? "this node" : `this node is ${state.phase}`,
    director: self.director,
    realServer: self.realServer,
    priority: self.priority,
    version: self.version,
    unfit: unfit ?? null,
    lastHeardMs: null,
    leaving: state.phase === "leaving",
  };
}

function peerNode(state: State, peer: Peer, now: number): StatusNode {
  const { record, life } = peer;
  const verdict = judgeLife(state, peer, now);
  return {
    name: record.name,
    id: record.id,
    address: record.paths[0]?.address ?? "",
    state: verdict.state,
    reason: verdict.reason,
    director: record.director,
    realServer: record.realServer,
    priority: record.priority,
    version: record.version,
    unfit: Object.values(record.vips).find((reason) => reason !== null) ?? null,
    lastHeardMs: life.heardMs === -Infinity ? null : Math.round(now - life.heardMs),
    leaving: life.leaving || record.phase === "leaving",
  };
}

function statusVip(state: State, vip: Ip): StatusVip {
  const incumbent = incumbentOf(presentMembers(state, vip));
  return {
    address: vip,
    interface: state.placements.get(vip)?.interface ?? "",
    holder: incumbent?.name ?? null,
    epoch: state.epochs.get(vip) ?? 0,
    reason: state.reasons.get(vip) ?? "",
  };
}

function statusService(state: State, service: Service, context: StatusContext): StatusService {
  const row = context.table.get(serviceKey(service));
  const inKernel = new Map<string, ObservedServer>(
    row?.servers.map((server) => [formatEndpoint(server), server]),
  );
  return {
    address: service.address,
    port: service.port,
    protocol: service.protocol,
    scheduler: service.scheduler,
    forwarding: service.forwarding,
    check: formatCheck(service.check),
    servers: poolOf(state, service).map((server) => ({
      node: server.name,
      address: server.address,
      port: server.port,
      weight: server.up ? WEIGHT_UP : 0,
      up: server.up,
      reason: server.reason,
      own: server.own,
      holder: server.reached,
      activeConnections: inKernel.get(formatEndpoint(server))?.counters.activeConnections ?? 0,
      inactiveConnections: inKernel.get(formatEndpoint(server))?.counters.inactiveConnections ?? 0,
    })),
  };
}
