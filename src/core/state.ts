/**
 * Everything one node knows and has decided, in one place. Only `step.ts` changes it; every other
 * function of the core reads it. Times are monotonic ms of this node unless a name says otherwise.
 */
import type { Endpoint, Ip } from "./address.ts";
import { type Budget, fullBudget } from "./budget.ts";
import { ANSWERS } from "./cluster/answers.ts";
import { type ClusterDocument, EMPTY_DOCUMENT, type NodeId } from "./document/document.ts";
import type { Flap } from "./pool/flap.ts";
import {
  type GatewayWitness,
  newGatewayWitness,
  type WitnessView,
} from "./state/gateway_witness.ts";
import type { History } from "./pool/health.ts";
import type { InheritedRows } from "./state/inherited_rows.ts";
import type { LoadShare } from "./state/load_share.ts";
import type { Caution } from "./cluster/caution.ts";
import type { Claim } from "./cluster/pulse.ts";
import type { PoolMemory } from "./state/pool_memory.ts";
import type { Quorum } from "./state/quorum.ts";
import type { NodeRecord, Path } from "./cluster/record.ts";
import type { ServerKey } from "./service/server.ts";
import type { ServiceKey } from "./service/service.ts";
import type { Rise } from "./state/rise.ts";
import type { RotationProgress } from "./state/rotation.ts";
import type { TokenFacts } from "./cluster/token_facts.ts";

/** What this node is: fixed for one run of the agent. */
export interface Self {
  readonly cluster: string;
  readonly id: NodeId;
  readonly name: string;
  readonly peer: string;
  /** See {@link NodeRecord.pulseKey}; left out where pulses need no key. */
  readonly pulseKey?: string;
  readonly version: string;
  readonly boot: number;
  readonly paths: readonly [Path, ...Path[]];
  readonly port: number;
  readonly director: boolean;
  readonly realServer: boolean;
  readonly priority: number;
  readonly pulseMs: number;
  readonly deadMs: number;
  /** Interface of the sync daemon. */
  readonly syncInterface: string;
  /** Whom it asks whether it still has its public network: addresses, or the default gateway; see gateway_witness.ts. */
  readonly witness: "auto" | "off" | readonly Ip[];
}

/** What pulses told about one peer. */
export interface Life {
  /** Boot of the run these facts are about; 0 when no authentic pulse came yet. */
  boot: number;
  /** When this run of the peer was first heard of: silence before that moment proves nothing. */
  metMs: number;
  /** Last pulse on any path that proved life; -Infinity before the first. */
  heardMs: number;
  /** Since when it is heard without a break, and says that it hears this node. */
  sinceMs: number;
  /** Last pulse per own interface. */
  readonly heardOn: Map<string, number>;
  /** When the next pulse was promised: ms after the last one. */
  promisedMs: number;
  /** Since when an answer to a direct question is awaited (its connection closed, or a majority is wanted); null when none is. */
  askedMs: number | null;
  leaving: boolean;
  starting: boolean;
  /** See core/cluster/answers.ts. */
  readonly answers: Budget;
  /** The peer says that it does not hear this node. */
  deaf: boolean;
  /** One of the two takes the other for dead, or did so until a moment ago. */
  apart: boolean;
  /** What the peer says of its gateway witness. */
  witness: WitnessView;
  claims: ReadonlyMap<Ip, Claim>;
  /** Longest gap between two pulses so far. */
  gapMaxMs: number;
  /** When it was last judged dead; a dead peer comes back by a pulse, never by this node's own pause. */
  diedMs: number;
  /** How far its wall clock was ahead of this node's when its last record came, ms; left out: it does not tell. */
  skewMs?: number;
  /** Present verdict, kept to notice changes. */
  state: LifeState;
}

/** How a peer is. `left` ended on purpose. */
export type LifeState = "alive" | "suspect" | "dead" | "left";

/** Another node. `record` is what it last said of itself. */
export interface Peer {
  record: NodeRecord;
  readonly life: Life;
  /** When its last record came, by whatever way; -Infinity: in an earlier run of this agent. */
  toldMs: number;
  /** This node's verdicts about the peer's servers, over the network; only a holder has them. */
  readonly reached: Map<ServiceKey, History>;
}

/** A VIP this node holds, or held until just now. */
export interface Hold {
  readonly epoch: number;
  /** `holding`; `settling`: let go, table not yet local; `lingering`: finishes what still arrives here. */
  phase: "holding" | "settling" | "lingering";
  /** When the phase began. */
  sinceMs: number;
  /** When the address last got its lifetime. */
  renewedMs: number;
  /** When schedules of announcements began; see announcements.ts. */
  announceFrom: readonly number[];
  /** When the last announcement was made; -Infinity before the first. */
  announcedMs: number;
  /** Whether another live node claimed the VIP too at the last look. */
  rival: boolean;
  /** Since when new connections go to the successor only; null when no handover runs. */
  funnelMs: number | null;
  successor: NodeId | null;
  /** Let go because another node holds it, or without a majority: nobody is invited to take it. */
  lost: boolean;
}

/** What the LAN said when asked for a VIP. */
export interface Witness {
  lastAskedMs: number;
  /** Questions since the last answer. Time alone proves nothing: a node that stands still itself asks nobody. */
  asks: number;
  /** Who answered last in this round of questions; null: nobody. */
  mac: string | null;
}

/** On which interface of this machine a VIP belongs; null when none reaches it. */
export interface Placement {
  readonly interface: string | null;
  /** Why the VIP cannot be held here now; null when it can. */
  readonly unfit: string | null;
}

/** A caution to be sent, or that was sent at `sentMs`. */
export interface DueCaution {
  readonly caution: Caution;
  readonly to: Endpoint;
  sentMs: number;
}

/** Why a node does not believe the document it has, and until when it waits for a peer that has a better one. */
export interface Doubt {
  readonly reason: string;
  readonly untilMs: number;
}

/** See the head of this file. */
export interface State {
  readonly self: Self;
  readonly startedMs: number;
  /** This node's phase. A starting node listens and decides nothing. */
  phase: "starting" | "running" | "leaving" | "stopped";
  /** When the phase began. */
  phaseMs: number;
  document: ClusterDocument;
  /** Set while a part of the document is lost: a starting node stays one, and touches nothing, until it ends. */
  doubt: Doubt | null;
  /** VIPs of the document, sorted. */
  vips: readonly Ip[];
  readonly peers: Map<NodeId, Peer>;
  readonly holds: Map<Ip, Hold>;
  /** Highest epoch seen of every VIP. */
  readonly epochs: Map<Ip, number>;
  /** What the epochs that were seen earlier may have been at most, if they are lost: new claims are above it. */
  epochFloor: number;
  readonly witnesses: Map<Ip, Witness>;
  /** VIPs whose holder invites this node to take them, and since when: the table is made ready first. */
  readonly invitedMs: Map<Ip, number>;
  /** Who is waited for to take a VIP that nobody holds, and since when. */
  readonly awaited: Map<Ip, { readonly id: NodeId; readonly sinceMs: number }>;
  /** Last decision about every VIP, in words. */
  readonly reasons: Map<Ip, string>;
  /** Why this node could not hold each VIP as of the last look, as its record tells it; null when it could. */
  readonly unfit: Map<Ip, string | null>;
  /** Peers that wait for a pulse: they asked, or do not know this run yet. */
  readonly unanswered: Set<NodeId>;
  /** This node's verdicts about its own servers. */
  readonly own: Map<ServiceKey, History>;
  /** This node's verdicts about machines without an agent. */
  readonly external: Map<ServerKey, History>;
  /** VIPs whose holder could give them back to a preferred node, since when, and whether that is near. */
  readonly failbacks: Map<
    Ip,
    { readonly to: NodeId; readonly sinceMs: number; readonly near: boolean }
  >;
  /** What was remembered of pools: see core/pool/pool_judgement.ts. */
  readonly pools: Map<ServiceKey, PoolMemory>;
  /** Whom an earlier run of this agent left in the kernel's rows of its VIPs; empty once that is over. */
  inherited: InheritedRows;
  /** The table's version as of which pools were looked at. */
  pooledVersion: number;
  /** Why this node cannot serve its own sorry page; null when it can. */
  sorry: string | null;
  /** Which servers went down how often: own by this node's id, peers' by theirs, as keys of servers. */
  readonly flaps: Map<ServerKey, Flap>;
  /** Servers of services with slow start: see core/pool/rises.ts. */
  readonly rises: Map<string, Rise>;
  /** Shares of members by their load, where services ask for it. */
  readonly loads: Map<NodeId, LoadShare>;
  /** Free part of this machine's processors, percent; null while nobody asks. */
  free: number | null;
  /** Services whose socket is missing on this machine, with the reason. */
  readonly deaf: Map<ServiceKey, string>;
  /** Where each VIP belongs on this machine. */
  readonly placements: Map<Ip, Placement>;
  /** VIPs the kernel refused to add as an address, why, and until when that counts. */
  readonly refused: Map<Ip, { readonly reason: string; readonly untilMs: number }>;
  readonly gateway: GatewayWitness;
  /** Null while no majority is asked for. */
  quorum: Quorum | null;
  /** When this node last claimed a VIP; -Infinity before the first. */
  claimedMs: number;
  /** Whether IPVS passes every packet untouched on this node now, as the kernel itself says. */
  bypassed: boolean;
  /** Silence before this moment proves nothing: this node was not listening. */
  trustedFromMs: number;
  lastTickMs: number;
  /** Wall clock at the last tick, ms since 1970: drains end by it. */
  wallMs: number;
  /** Grows whenever the desired table may have changed. */
  tableVersion: number;
  /** Version of the table that the kernel has, as far as it is known; -1: none yet. */
  settledVersion: number;
  /** Grows whenever this node's record changed in a way that should be told at once. */
  recordVersion: number;
  /** Grows whenever a pulse should go out at once. */
  pulseVersion: number;
  takeovers: number;
  releases: number;
  /** Which tokens this node has; null where nobody has told. */
  token: TokenFacts | null;
  /** A change of the token that is under way; null when none is. */
  rotation: RotationProgress | null;
  /** When a node with the cluster's present token last said that this node's is a former one; -Infinity: none did. */
  expiredMs: number;
  /** Whether a member said that the cluster has forgotten this node. */
  forgotten: boolean;
  /** Where another machine with this node's identity runs, for which this one stands aside; null when none does. */
  twin: Ip | null;
  /** What nodes that are not believed have to be told; sent by the agent, at most so often. */
  readonly cautions: Map<string, DueCaution>;
  /** What people should know while it goes on, by what it is about; see core/cluster/warnings.ts. */
  readonly warnings: Map<string, { readonly text: string; readonly seenMs: number }>;
}

/** The state of an agent that starts at `now` and has heard of nobody. */
export function initialState(self: Self, now: number): State {
  return {
    self,
    startedMs: now,
    phase: "starting",
    phaseMs: now,
    document: EMPTY_DOCUMENT,
    doubt: null,
    vips: [],
    peers: new Map(),
    holds: new Map(),
    epochs: new Map(),
    epochFloor: 0,
    witnesses: new Map(),
    invitedMs: new Map(),
    awaited: new Map(),
    reasons: new Map(),
    unfit: new Map(),
    unanswered: new Set(),
    own: new Map(),
    external: new Map(),
    failbacks: new Map(),
    pools: new Map(),
    inherited: new Map(),
    pooledVersion: -1,
    sorry: null,
    flaps: new Map(),
    rises: new Map(),
    loads: new Map(),
    free: null,
    deaf: new Map(),
    placements: new Map(),
    refused: new Map(),
    gateway: newGatewayWitness([]),
    quorum: null,
    claimedMs: -Infinity,
    bypassed: false,
    trustedFromMs: now,
    lastTickMs: now,
    wallMs: 0,
    tableVersion: 0,
    settledVersion: -1,
    recordVersion: 0,
    pulseVersion: 0,
    takeovers: 0,
    releases: 0,
    token: null,
    rotation: null,
    expiredMs: -Infinity,
    forgotten: false,
    twin: null,
    cautions: new Map(),
    warnings: new Map(),
  };
}

/** A peer of which nothing was heard by pulse yet. */
export function newLife(now: number): Life {
  return {
    boot: 0,
    metMs: now,
    heardMs: -Infinity,
    sinceMs: now,
    heardOn: new Map(),
    promisedMs: 0,
    askedMs: null,
    leaving: false,
    starting: false,
    answers: fullBudget(ANSWERS, now),
    deaf: false,
    apart: false,
    witness: "none",
    claims: new Map(),
    gapMaxMs: 0,
    diedMs: -Infinity,
    state: "suspect",
  };
}
