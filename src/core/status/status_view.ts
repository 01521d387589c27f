/**
 * The status document, made from the state and the kernel's table.
 */
import { formatEndpoint, type Ip } from "../address.ts";
import { formatCheck } from "../check.ts";
import { type DrainKey, drainWords } from "../document/drain.ts";
import type { OpenCount } from "../pool/drained_connections.ts";
import { judgeLife } from "../cluster/liveness.ts";
import { incumbentOf } from "../cluster/candidates.ts";
import { ownUnfit, presentMembers } from "../cluster/member.ts";
import type { NodeId } from "../document/document.ts";
import { formatTunnel } from "../service/forwarding.ts";
import { formatFallback } from "../service/fallback.ts";
import { poolOf } from "../pool/pool.ts";
import type { PoolServer } from "../pool/pool_server.ts";
import {
  fallbackOf,
  fallbackServer,
  judgePool,
  type PoolJudgement,
} from "../pool/pool_judgement.ts";
import {
  formatPortRange,
  formatServiceName,
  type Service,
  type ServiceKey,
  serviceKey,
  vipOfService,
  vipsOfService,
} from "../service/service.ts";
import { settingNames, settingText } from "../document/settings.ts";
import type { Peer, State } from "../state.ts";
import { runAtOnce, type Steps } from "../steps.ts";
import { witnessWords } from "../cluster/gateway_witness.ts";
import { statusDrains } from "./status_drains.ts";
import { type BothVerdicts, verdictsOn } from "./status_verdicts.ts";
import type { Status, StatusNode, StatusServer, StatusService, StatusVip } from "./status.ts";
import type { ObservedServer, ObservedService } from "../table/table.ts";
import { currentWarnings } from "../cluster/warnings.ts";

/** What the state does not know. */
export interface StatusContext {
  readonly now: number;
  readonly wallMs: number;
  /** The kernel's table as last seen, by service key. */
  readonly table: ReadonlyMap<ServiceKey, ObservedService>;
  /** Open connections of drained servers, as this node's kernel counts them. */
  readonly open?: Readonly<Record<DrainKey, OpenCount>>;
}

/** Servers and services described in one step: some ms. */
const STEP_SERVERS = 64;
/** VIPs described in one step: each asks every node. */
const STEP_VIPS = 4;

/** Makes the status document, in one go. */
export function statusOf(state: State, context: StatusContext): Status {
  return runAtOnce(statusSteps(state, context));
}

/** The same in steps. The state may change in between: what follows is told as it is then. */
export function* statusSteps(state: State, context: StatusContext): Steps<Status> {
  const { self } = state;
  const vips = yield* statusVips(state);
  const drains = yield* statusDrains(state, context.open ?? {});
  const services = yield* statusServices(state, context);
  return {
    cluster: self.cluster,
    node: self.name,
    time: new Date(context.wallMs).toISOString(),
    version: self.version,
    nodes: [
      selfNode(state, context.now),
      ...[...state.peers.values()].map((peer) => peerNode(state, peer, context.now)),
    ]
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    quorum: state.quorum === null ? null : {
      members: state.quorum.members,
      heard: state.quorum.heard,
      majority: 2 * state.quorum.heard > state.quorum.members,
    },
    vips,
    drains,
    rotation: state.rotation === null
      ? null
      : { stage: state.rotation.stage, waitsFor: [...state.rotation.waitsFor] },
    warnings: currentWarnings(state, context.now),
    settings: Object.fromEntries(
      settingNames.map((name) => [name, settingText(state.document.settings, name)]),
    ),
    services,
  };
}

function* statusVips(state: State): Steps<StatusVip[]> {
  const uses = new Map<Ip, number>();
  for (const service of state.document.services.values()) {
    for (const vip of new Set(vipsOfService(service))) uses.set(vip, (uses.get(vip) ?? 0) + 1);
  }
  const vips: StatusVip[] = [];
  for (const vip of [...state.vips]) {
    if (vips.length % STEP_VIPS === 0) yield;
    vips.push(statusVip(state, vip, uses.get(vip) ?? 0));
  }
  return vips;
}

function* statusServices(state: State, context: StatusContext): Steps<StatusService[]> {
  const services: StatusService[] = [];
  let count = 0;
  const sorted = [...state.document.services].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, service] of sorted) {
    const described = statusService(state, service, context);
    services.push(described);
    count += 1 + described.servers.length;
    if (count < STEP_SERVERS) continue;
    yield;
    count = 0;
  }
  return services;
}

function selfNode(state: State, now: number): StatusNode {
  const { self } = state;
  const unfit = state.vips.map((vip) => ownUnfit(state, vip)).find((reason) => reason !== null);
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
    witness: state.gateway.view,
    witnessReason: witnessWords(state, now),
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
    witness: life.witness,
    witnessReason: "",
    lastHeardMs: life.heardMs === -Infinity ? null : Math.round(now - life.heardMs),
    leaving: life.leaving || record.phase === "leaving",
  };
}

function statusVip(state: State, vip: Ip, services: number): StatusVip {
  const members = presentMembers(state, vip);
  const incumbent = incumbentOf(members);
  const entry = state.document.vips.get(vip);
  const nameOfNode = (id: NodeId) =>
    members.find((member) => member.id === id)?.name ?? state.document.nodes.get(id)?.name ??
      state.peers.get(id)?.record.name ?? id;
  return {
    address: vip,
    interface: state.placements.get(vip)?.interface ?? "",
    holder: incumbent?.name ?? null,
    epoch: state.epochs.get(vip) ?? 0,
    reason: state.reasons.get(vip) ?? "",
    label: entry?.label ?? null,
    group: entry?.group ?? null,
    prefer: entry?.prefer.map(nameOfNode) ?? [],
    failbackS: entry?.failbackS ?? null,
    services,
  };
}

function statusService(state: State, service: Service, context: StatusContext): StatusService {
  const row = context.table.get(serviceKey(service));
  const inKernel = new Map<string, ObservedServer>(
    row?.servers.map((server) => [formatEndpoint(server), server]),
  );
  const servers = poolOf(state, service).map((server) => {
    const present = inKernel.get(formatEndpoint(server));
    inKernel.delete(formatEndpoint(server));
    return statusServer(server, present, verdictsOn(state, service, server));
  });
  const judged = judgePool(state, service);
  const spare = fallbackRow(state, { service, judged, inKernel });
  const leaving = [...inKernel.values()].map(drainingServer);
  return {
    name: formatServiceName(service),
    address: vipOfService(service),
    vips: [...vipsOfService(service)],
    port: service.protocol === "fwm" ? 0 : service.port,
    protocol: service.protocol,
    mark: service.protocol === "fwm" ? service.mark : null,
    ports: service.protocol === "fwm" ? service.ports.map(formatPortRange) : [],
    scheduler: service.scheduler,
    flags: service.flags,
    onePacket: service.onePacket,
    persistence: service.persistence,
    forwarding: service.forwarding,
    tunnel: service.tunnel === null ? null : formatTunnel(service.tunnel),
    members: service.members,
    check: formatCheck(service.check),
    pool: { mode: judged.mode, reason: judged.reason },
    fallback: formatFallback(fallbackOf(state, service)),
    quorum: quorumText(service),
    whenAllFail: service.whenAllFail,
    servers: [...servers, ...spare, ...leaving],
  };
}

/** The fallback as far as it is to be seen: while it serves, and until its connections have ended. */
function fallbackRow(
  state: State,
  { service, judged, inKernel }: {
    readonly service: Service;
    readonly judged: PoolJudgement;
    readonly inKernel: Map<string, ObservedServer>;
  },
): StatusServer[] {
  const { server } = fallbackServer(state, service);
  if (server === null) return [];
  const present = inKernel.get(formatEndpoint(server));
  inKernel.delete(formatEndpoint(server));
  const serves = judged.mode === "fallback";
  if (!serves && present === undefined) return [];
  return [{
    node: "",
    address: server.address,
    port: server.port,
    forwarding: server.forwarding,
    tunnel: server.tunnel === null ? null : formatTunnel(server.tunnel),
    weight: serves ? server.weight : 0,
    upper: 0,
    lower: 0,
    fallback: true,
    draining: !serves,
    up: serves,
    drained: null,
    reason: serves ? judged.reason : "fallback; stays until its connections end",
    own: "",
    holder: "",
    verdicts: UNJUDGED,
    activeConnections: present?.counters.activeConnections ?? 0,
    inactiveConnections: present?.counters.inactiveConnections ?? 0,
  }];
}

/** Of servers that nobody checks. */
const UNJUDGED: BothVerdicts = { own: null, holder: null };

function quorumText({ quorum, quorumBy, hysteresis }: Service): string {
  const unit = quorumBy === "weight" ? "weight" : quorum === 1 ? "server" : "servers";
  return `${quorum} ${unit}${hysteresis > 0 ? `, ${quorum + hysteresis} to return` : ""}`;
}

function statusServer(
  server: PoolServer,
  present: ObservedServer | undefined,
  verdicts: BothVerdicts,
): StatusServer {
  return {
    node: server.node === null ? "" : server.name,
    address: server.address,
    port: server.port,
    forwarding: server.forwarding,
    tunnel: server.tunnel === null ? null : formatTunnel(server.tunnel),
    weight: server.up ? server.weight : 0,
    upper: server.upper,
    lower: server.lower,
    fallback: false,
    draining: false,
    up: server.up,
    drained: server.drain === null ? null : drainWords(server.drain),
    reason: server.reason,
    own: server.own,
    holder: server.reached,
    verdicts,
    activeConnections: present?.counters.activeConnections ?? 0,
    inactiveConnections: present?.counters.inactiveConnections ?? 0,
  };
}

/** A server that only the kernel still has: it was removed, and its connections have not ended. */
function drainingServer(server: ObservedServer): StatusServer {
  const { activeConnections, inactiveConnections } = server.counters;
  const other = server.forwarding === "local" || server.forwarding === "bypass";
  return {
    node: "",
    address: server.address,
    port: server.port,
    forwarding: other ? "dr" : server.forwarding,
    tunnel: server.tunnel === null ? null : formatTunnel(server.tunnel),
    weight: 0,
    upper: server.upper,
    lower: server.lower,
    fallback: false,
    draining: true,
    up: false,
    drained: null,
    reason: `removed; stays until its ${activeConnections + inactiveConnections} connections end`,
    own: "",
    holder: "",
    verdicts: UNJUDGED,
    activeConnections,
    inactiveConnections,
  };
}
