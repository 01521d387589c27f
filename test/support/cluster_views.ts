/**
 * States for tests of decisions: a cluster is written down once, and every node's view of it is made with
 * the program's own records and claims. So the views are consistent, as after everybody heard everybody.
 */
import { formatEndpoint, type Ip } from "../../src/core/address.ts";
import { checkSchema } from "../../src/core/check.ts";
import {
  type ClusterDocument,
  EMPTY_DOCUMENT,
  type Move,
  type NodeId,
  vipsOf,
} from "../../src/core/document/document.ts";
import { type Drain, drainKey, drainSchema } from "../../src/core/document/drain.ts";
import { ownRecord } from "../../src/core/own_record.ts";
import { decideOwnership } from "../../src/core/cluster/ownership.ts";
import { WITNESS_ANSWER_MS } from "../../src/core/timing.ts";
import { claimsOf } from "../../src/core/cluster/pulse_schedule.ts";
import { type ServerEntry, serverEntrySchema, serverKey } from "../../src/core/service/server.ts";
import {
  type EndpointService,
  type MarkService,
  type Service,
  serviceKey,
} from "../../src/core/service/service.ts";
import type { SettingName } from "../../src/core/document/settings.ts";
import { type VipEntry, vipEntrySchema } from "../../src/core/document/vip.ts";
import {
  type Hold,
  initialState,
  type LifeState,
  newLife,
  type Peer,
  type Self,
  type State,
} from "../../src/core/state.ts";

/** The moment at which views are taken, ms: long after every start. */
export const NOW = 100_000;
/** The VIP of tests that need one. */
export const VIP = "10.0.0.100";
/** Interface of every node. */
export const LAN = "eth0";

/** A node as the model has it; what a test cares about is given. */
export interface ModelNode {
  /** 1 and up: node n1 has the id 0…01 and the address 10.0.0.1. */
  readonly index: number;
  readonly priority: number;
  readonly director: boolean;
  readonly realServer: boolean;
  readonly phase: State["phase"];
  /** How the others see it. */
  readonly life: LifeState;
  /** Whether pulses of its present run were heard by the others. */
  readonly heard: boolean;
  /** Why it cannot hold any VIP. */
  readonly unfit: string | null;
  /** Whether its servers work. */
  readonly serving: boolean;
  readonly bypassed: boolean;
  readonly holds: ReadonlyMap<Ip, Pick<Hold, "epoch" | "phase">>;
}

/** What all nodes share. */
export interface Shared {
  readonly services: readonly Service[];
  readonly moves?: readonly Move[];
  readonly vips?: readonly VipEntry[];
  readonly servers?: readonly ServerEntry[];
  readonly drains?: readonly Drain[];
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>;
  /** Highest epoch of a VIP that nobody claims any more. */
  readonly epochs?: ReadonlyMap<Ip, number>;
}

/** A node of the model. */
export function modelNode(index: number, fields: Partial<Omit<ModelNode, "index">> = {}) {
  return {
    index,
    priority: 100,
    director: true,
    realServer: true,
    phase: "running",
    life: "alive",
    heard: true,
    unfit: null,
    serving: true,
    bypassed: true,
    holds: new Map(),
    ...fields,
  } satisfies ModelNode as ModelNode;
}

/** A hold, as {@link ModelNode.holds} wants it. */
export function holding(epoch: number, phase: Hold["phase"] = "holding", vip: Ip = VIP) {
  return new Map([[vip, { epoch, phase }]]);
}

/** The id of a node of the model. */
export function idOf(index: number): NodeId {
  return index.toString(16).padStart(16, "0");
}

/** The address of a node of the model. */
export function addressOf(index: number): Ip {
  return `10.0.0.${index}`;
}

/** What services of tests have beside their keys. */
const plain = {
  scheduler: "wlc",
  flags: [],
  onePacket: false,
  persistence: null,
  forwarding: "dr",
  tunnel: null,
  serverPort: null,
  members: true,
  weight: 1,
  upper: 0,
  lower: 0,
  fallback: null,
  quorum: 1,
  hysteresis: 0,
  quorumBy: "count",
  whenAllFail: "fallback",
  onFailure: "quiesce",
  slowStartMs: 0,
  adaptWeights: false,
  check: checkSchema.parse({ kind: "http", port: null }),
} satisfies Partial<EndpointService>;

/** A service on a VIP; what a test cares about is given. */
export function service(fields: Partial<EndpointService> = {}): EndpointService {
  return { ...plain, address: VIP, port: 80, protocol: "tcp", ...fields };
}

/** A service of a firewall mark, whose packets troop marks. */
export function markService(fields: Partial<Omit<MarkService, "protocol">> = {}): MarkService {
  return {
    ...plain,
    protocol: "fwm",
    family: 4,
    mark: 7,
    vips: [VIP],
    ports: [{ protocol: "tcp", first: 80, last: 80 }],
    check: checkSchema.parse({ kind: "http", port: 80 }),
    ...fields,
  };
}

/** What is said of a VIP; what a test cares about is given. */
export function vipEntry(fields: Partial<VipEntry> = {}): VipEntry {
  return vipEntrySchema.parse({ address: VIP, ...fields });
}

/** What is said of a server of {@link service}; what a test cares about is given. */
export function serverEntry(
  target: ServerEntry["target"],
  fields: Partial<ServerEntry> = {},
): ServerEntry {
  return serverEntrySchema.parse({ service: serviceKey(service()), target, ...fields });
}

/** A drain of a node or of any machine, of every service; what a test cares about is given. */
export function drain(target: Drain["target"], fields: Partial<Drain> = {}): Drain {
  return drainSchema.parse({
    service: null,
    target,
    on: true,
    sinceMs: NOW,
    untilMs: null,
    ...fields,
  });
}

/** A machine without an agent as target: index 21 is 10.0.0.21. */
export function machine(index: number, port = 80): { address: Ip; port: number } {
  return { address: addressOf(index), port };
}

/** What a node of the model is. */
export function selfOf(node: Pick<ModelNode, "index"> & Partial<ModelNode>): Self {
  return {
    cluster: "test",
    id: idOf(node.index),
    name: `n${node.index}`,
    peer: idOf(node.index),
    version: "0",
    boot: 1_000 + node.index,
    paths: [{ interface: LAN, address: addressOf(node.index), prefixLength: 24 }],
    port: 6_940,
    director: node.director ?? true,
    realServer: node.realServer ?? true,
    priority: node.priority ?? 100,
    pulseMs: 100,
    deadMs: 400,
    syncInterface: LAN,
    witness: "auto",
  };
}

/** A hold that began long ago and is announced and renewed. */
export function hold(fields: Partial<Hold> = {}): Hold {
  return {
    epoch: 1,
    phase: "holding",
    sinceMs: NOW - 50_000,
    renewedMs: NOW,
    announceFrom: [NOW - 50_000],
    announcedMs: NOW,
    rival: false,
    funnelMs: null,
    successor: null,
    lost: false,
    ...fields,
  };
}

/** The document that all nodes share. */
export function documentOf(shared: Shared): ClusterDocument {
  const servers = new Map<string, Map<string, ServerEntry>>();
  for (const entry of shared.servers ?? []) {
    const known = servers.get(entry.service) ?? new Map<string, ServerEntry>();
    servers.set(entry.service, known.set(serverKey(entry), entry));
  }
  return {
    ...EMPTY_DOCUMENT,
    services: new Map(shared.services.map((item) => [serviceKey(item), item])),
    servers,
    vips: new Map((shared.vips ?? []).map((entry) => [entry.address, entry])),
    settings: new Map(Object.entries(shared.settings ?? {}) as [SettingName, string][]),
    moves: new Map((shared.moves ?? []).map((move) => [move.vip, move])),
    nodes: new Map(),
    drains: new Map((shared.drains ?? []).map((drain) => [drainKey(drain), drain])),
  };
}

/** What the node knows of itself alone. */
function aloneState(node: ModelNode, shared: Shared): State {
  const state = initialState(selfOf(node), NOW - 60_000);
  state.phase = node.phase;
  state.phaseMs = NOW;
  state.lastTickMs = NOW;
  state.bypassed = node.bypassed;
  state.document = documentOf(shared);
  state.vips = vipsOf(state.document);
  for (const vip of state.vips) {
    state.placements.set(vip, { interface: LAN, unfit: node.unfit });
  }
  for (const [vip, { epoch, phase }] of node.holds) state.holds.set(vip, hold({ epoch, phase }));
  for (const key of state.document.services.keys()) {
    const reason = node.serving ? "200 in 1 ms" : "connection refused";
    state.own.set(key, {
      up: node.serving,
      reason,
      sinceMs: 0,
      tookMs: 1,
      checked: true,
      streak: 0,
    });
  }
  return state;
}

function peerOf(node: ModelNode, shared: Shared): Peer {
  const state = aloneState(node, shared);
  const context = { now: NOW, wallMs: NOW, sequence: 1, documentDigest: "" };
  const life = newLife(NOW - 60_000);
  life.state = node.life;
  life.boot = state.self.boot;
  if (node.heard) {
    life.heardMs = node.life === "dead" ? NOW - 10_000 : NOW;
    life.promisedMs = 100;
    life.claims = claimsOf(state, NOW);
    life.leaving = node.phase === "leaving" || node.phase === "stopped";
    life.starting = node.phase === "starting";
  }
  return { record: ownRecord(state, context), life, reached: new Map(), toldMs: NOW };
}

/**
 * The state of the node with that index. Its rivals and successors are what its own decision says; the LAN
 * was asked for every VIP, and nobody answered.
 */
export function viewOf(model: readonly ModelNode[], index: number, shared: Shared): State {
  const self = model.find((node) => node.index === index);
  if (self === undefined) throw new Error(`the model has no node ${index}`);
  const state = aloneState(self, shared);
  for (const node of model) {
    if (node === self) continue;
    const peer = peerOf(node, shared);
    state.peers.set(peer.record.id, peer);
    if (node.life === "left") {
      (state.document.nodes as Map<NodeId, { name: string; left: boolean }>)
        .set(peer.record.id, { name: peer.record.name, left: true });
    }
  }
  for (const vip of state.vips) {
    const epochs = model.map((node) => node.holds.get(vip)?.epoch ?? 0);
    state.epochs.set(vip, Math.max(shared.epochs?.get(vip) ?? 0, ...epochs));
    state.witnesses.set(vip, silentLan());
    settleHold(state, vip);
  }
  return state;
}

/** A round of questions to the LAN that nobody answered. */
function silentLan() {
  return { lastAskedMs: NOW - WITNESS_ANSWER_MS, asks: 3, mac: null };
}

function settleHold(state: State, vip: Ip): void {
  const own = state.holds.get(vip);
  if (own?.phase !== "holding") return;
  own.rival = [...state.peers.values()].some(({ life }) =>
    (life.state === "alive" || life.state === "suspect") && life.claims.has(vip)
  );
  const decision = decideOwnership(state, vip, NOW);
  if (decision.act === "hold" && decision.successor !== null) {
    own.successor = decision.successor;
    own.funnelMs = NOW;
  }
}

/** The weights of a row, by the number of the node: what a person wants to read. */
export function weightsByAddress(
  servers: readonly { address: Ip; port: number; weight: number }[],
): Record<string, number> {
  return Object.fromEntries(servers.map((server) => [formatEndpoint(server), server.weight]));
}

/** What the first of two nodes sees of services on these VIPs. */
export function firstOfTwo(
  fields: Partial<ModelNode>,
  vips: readonly string[] = [VIP],
  change: (state: State) => void = () => {},
): State {
  const services = vips.map((address) => service({ address }));
  const state = viewOf([modelNode(1, fields), modelNode(2)], 1, { services });
  change(state);
  return state;
}
