/**
 * The only place where the state changes: one fact at a time, at a given moment.
 */
import type { Endpoint, Ip } from "./address.ts";
import type { Caution } from "./cluster/caution.ts";
import { noteDuplicate } from "./cluster/duplicates.ts";
import { type ClusterDocument, type NodeId, vipsOf } from "./document/document.ts";
import { isForgotten } from "./document/forgotten.ts";
import { noteWitnessAnswer, onWitnessFact, type WitnessFact } from "./cluster/gateway_witness.ts";
import { goneHistory, type History, judge, type Outcome, startHistory } from "./pool/health.ts";
import { noteLoad } from "./pool/load_weight.ts";
import type { Pulse } from "./cluster/pulse.ts";
import { inherit, type InheritedFact } from "./pool/inherited.ts";
import type { NodeRecord } from "./cluster/record.ts";
import { recall, type RecallFact } from "./cluster/recall.ts";
import { keyedService, type ServerKey } from "./service/server.ts";
import { forgetVips } from "./document/forget_vips.ts";
import { flapKey, forgetFlaps, noteFlap } from "./pool/server_verdict.ts";
import type { ServiceKey } from "./service/service.ts";
import type { Placement, State } from "./state.ts";
import { announceAnew } from "./cluster/announcements.ts";
import { noteEpoch, onConnectionClosed, onPulse, onRecord, told } from "./step_peers.ts";
import { tick } from "./tick.ts";
import { LEASE_S, REFUSED_MS } from "./timing.ts";
import { onToken } from "./cluster/token_rotation.ts";
import type { RotationProgress } from "./state/rotation.ts";
import type { TokenFacts } from "./cluster/token_facts.ts";
import { onTwin } from "./cluster/twins.ts";
import { noteForged, onCaution } from "./cluster/warnings.ts";
import { noteWarning } from "./cluster/notes.ts";
import type { Check } from "./check.ts";

/**
 * A probe's result: of this node's own server (`node` null), of a peer's, or of a machine without an agent (`server`).
 * `wallMs` is the wall clock, for people who read since when.
 */
export interface ProbeFact {
  readonly kind: "probe";
  readonly node: NodeId | null;
  readonly server?: ServerKey;
  readonly key: ServiceKey;
  readonly check: Check;
  readonly result: Outcome;
  readonly wallMs: number;
}

type Reasons = ReadonlyMap<ServiceKey, string>;

/** Something that happened. */
export type Fact =
  /** `source`: the address it came from. */
  | {
    readonly kind: "pulse";
    readonly pulse: Pulse;
    readonly path: string;
    readonly source?: Endpoint;
  }
  /** A member pulsed in the name of another one. */
  | { readonly kind: "forged"; readonly named: NodeId; readonly source: Endpoint }
  | { readonly kind: "caution"; readonly caution: Caution; readonly from: Endpoint }
  /** A machine at this address has proved to have this node's key. */
  | { readonly kind: "twin"; readonly address: Ip }
  /** Something people should know for as long as it goes on; `key` names what it is about. */
  | { readonly kind: "warning"; readonly key: string; readonly text: string }
  /** Which tokens this node has. */
  | {
    readonly kind: "token";
    readonly token: TokenFacts;
    /** A rotation that is under way; null when none is. */
    readonly progress: RotationProgress | null;
  }
  | { readonly kind: "record"; readonly record: NodeRecord }
  | { readonly kind: "document"; readonly document: ClusterDocument }
  | RecallFact
  | { readonly kind: "connectionClosed"; readonly id: NodeId }
  | ProbeFact
  /** Services of this node on whose port nothing listens, with the reason. */
  | { readonly kind: "listeners"; readonly deaf: Reasons; readonly wallMs: number }
  | { readonly kind: "placements"; readonly placements: ReadonlyMap<Ip, Placement> }
  /** The LAN was asked for a VIP. */
  | { readonly kind: "asked"; readonly vip: Ip }
  | WitnessFact
  /** Another machine answered for a VIP, or for a gateway witness. */
  | { readonly kind: "answer"; readonly vip: Ip; readonly mac: string }
  /**
   * An earlier run of this agent held the VIP with this epoch, and so much is left of the lease; nothing: others may
   * have it, and what still arrives here is finished.
   */
  | {
    readonly kind: "adopt";
    readonly vip: Ip;
    readonly epoch: number;
    readonly remainingMs: number;
  }
  | InheritedFact
  /** The address got its lifetime. */
  | { readonly kind: "renewed"; readonly vip: Ip }
  | { readonly kind: "announced"; readonly vip: Ip }
  /** Somebody had taken the address away; it is back and must be announced anew. */
  | { readonly kind: "restored"; readonly vip: Ip }
  /** The kernel refused to add the VIP as an address. */
  | { readonly kind: "refused"; readonly vip: Ip; readonly reason: string }
  /** Whether IPVS passes every packet untouched here: `backup_only` with a backup daemon that runs. */
  | { readonly kind: "bypass"; readonly on: boolean }
  /** The kernel's table is what was wanted at this version. */
  | { readonly kind: "tableSettled"; readonly version: number }
  /** Whether this node can serve its own sorry page; `problem` null when it can. */
  | { readonly kind: "sorry"; readonly problem: string | null }
  /** How much of this machine's processors is free, percent; null: nobody asks. */
  | { readonly kind: "load"; readonly free: number | null }
  /** The operator wants this node to stop. */
  | { readonly kind: "leave" }
  /** Time has passed. `wallMs`: what the wall clock says; left out: what it said. */
  | { readonly kind: "tick"; readonly wallMs?: number };

/** Folds one fact into the state. */
export function step(state: State, fact: Fact, now: number): void {
  switch (fact.kind) {
    case "pulse":
      return onPulse(state, fact, now);
    case "forged":
      return noteForged(state, fact, now);
    case "caution":
      return onCaution(state, fact, now);
    case "twin":
      return onTwin(state, fact, now);
    case "warning":
      return noteWarning(state, fact, now);
    case "token":
      return onToken(state, fact);
    case "record":
      return onRecord(state, fact.record, now);
    case "document":
      return onDocument(state, fact.document, now);
    case "connectionClosed":
      return onConnectionClosed(state, fact.id, now);
    case "probe":
      return onProbe(state, fact, now);
    case "listeners":
      return onListeners(state, fact, now);
    case "placements":
      return onPlacements(state, fact.placements);
    case "asked":
      return onAsked(state, fact.vip, now);
    case "answer":
      return onAnswer(state, fact, now);
    case "witnesses":
    case "witnessAsked":
      return onWitnessFact(state, fact, now);
    case "adopt":
      return onAdopt(state, fact, now);
    case "inherited":
      return inherit(state, fact);
    case "renewed":
      return onHold(state, fact.vip, (hold) => hold.renewedMs = now);
    case "announced":
      return onHold(state, fact.vip, (hold) => hold.announcedMs = now);
    case "restored":
      return onHold(state, fact.vip, (hold) => announceAnew(hold, now));
    case "refused":
      state.refused.set(fact.vip, { reason: fact.reason, untilMs: now + REFUSED_MS });
      state.recordVersion++;
      state.tableVersion++;
      return;
    case "bypass":
      if (state.bypassed !== fact.on) state.tableVersion++;
      state.bypassed = fact.on;
      return;
    case "tableSettled":
      return onTableSettled(state, fact.version, now);
    case "sorry":
      if (state.sorry !== fact.problem) state.tableVersion++;
      state.sorry = fact.problem;
      return;
    case "load":
      state.free = fact.free;
      return noteLoad(state, state.self.id, { free: fact.free, now });
    case "leave":
      return onLeave(state, now);
    case "tick":
      return tick(state, now, fact.wallMs);
    default:
      return recall(state, fact, now);
  }
}

function onDocument(state: State, document: ClusterDocument, now: number): void {
  const before = state.document;
  state.document = document;
  for (const id of state.peers.keys()) {
    if (!isForgotten(document, id)) continue;
    state.peers.delete(id);
    state.loads.delete(id);
  }
  forgetFlaps(state, before);
  for (const peer of state.peers.values()) noteLoad(state, peer.record.id, told(peer.record, now));
  state.vips = vipsOf(document);
  forgetVips(state);
  for (const key of state.own.keys()) if (!document.services.has(key)) state.own.delete(key);
  for (const key of state.external.keys()) {
    if (document.servers.get(keyedService(key))?.has(key) !== true) state.external.delete(key);
  }
  for (const peer of state.peers.values()) {
    for (const key of peer.reached.keys()) {
      if (!document.services.has(key)) peer.reached.delete(key);
    }
  }
  state.tableVersion++;
  state.recordVersion++;
}

function onProbe(state: State, fact: ProbeFact, now: number): void {
  if (!state.document.services.has(fact.key)) return;
  if (fact.server !== undefined) return onExternalProbe(state, { fact, server: fact.server, now });
  const histories = fact.node === null ? state.own : state.peers.get(fact.node)?.reached;
  if (histories === undefined) return;
  // A probe may end well just after the daemon has gone.
  if (fact.node === null && state.deaf.has(fact.key)) return;
  const flaps = flapKey(fact.key, fact.node ?? state.self.id);
  if (!judged(state, { histories, key: fact.key, flaps, fact, now })) return;
  state.tableVersion++;
  if (fact.node === null) state.recordVersion++;
}

function onExternalProbe(
  state: State,
  { fact, server, now }: { fact: ProbeFact; server: ServerKey; now: number },
): void {
  if (state.document.servers.get(fact.key)?.has(server) !== true) return;
  const folded = { histories: state.external, key: server, flaps: server, fact, now };
  if (judged(state, folded)) state.tableVersion++;
}

interface Folded {
  readonly histories: Map<string, History>;
  readonly key: string;
  readonly flaps: ServerKey;
  readonly fact: ProbeFact;
  readonly now: number;
}

/** Folds a result into its history; whether that changed the verdict. */
function judged(state: State, { histories, key, flaps, fact, now }: Folded): boolean {
  const before = histories.get(key);
  const after = judge(
    before ?? startHistory(fact.wallMs, fact.check),
    fact.result,
    fact.check,
    fact.wallMs,
  );
  histories.set(key, after);
  if (before?.up === true && !after.up) noteFlap(state, flaps, now);
  return before?.up !== after.up ||
    JSON.stringify(before?.advice) !== JSON.stringify(after.advice);
}

function onListeners(
  state: State,
  { deaf, wallMs }: Extract<Fact, { kind: "listeners" }>,
  now: number,
): void {
  const same = deaf.size === state.deaf.size &&
    [...deaf].every(([key, reason]) => state.deaf.get(key) === reason);
  if (same) return;
  state.deaf.clear();
  for (const [key, reason] of deaf) {
    state.deaf.set(key, reason);
    if (state.own.get(key)?.up === true) noteFlap(state, flapKey(key, state.self.id), now);
    state.own.set(key, goneHistory(state.own.get(key), reason, wallMs));
  }
  state.tableVersion++;
  state.recordVersion++;
}

function onPlacements(state: State, placements: ReadonlyMap<Ip, Placement>): void {
  let changed = placements.size !== state.placements.size;
  for (const [vip, placement] of placements) {
    const before = state.placements.get(vip);
    changed ||= before?.interface !== placement.interface || before?.unfit !== placement.unfit;
  }
  if (!changed) return;
  state.placements.clear();
  for (const [vip, placement] of placements) state.placements.set(vip, placement);
  state.recordVersion++;
  // Who is fit may be next, and who is next keeps its table warm.
  state.tableVersion++;
}

function onAsked(state: State, vip: Ip, now: number): void {
  const witness = state.witnesses.get(vip);
  if (witness === undefined) return;
  witness.lastAskedMs = now;
  witness.asks++;
}

function onAnswer(state: State, fact: { vip: Ip; mac: string }, now: number): void {
  noteDuplicate(state, fact, now);
  noteWitnessAnswer(state, fact.vip, now);
  const witness = state.witnesses.get(fact.vip);
  if (witness === undefined) return;
  witness.mac = fact.mac;
  witness.asks = 0;
}

function onAdopt(state: State, fact: Extract<Fact, { kind: "adopt" }>, now: number): void {
  noteEpoch(state, fact.vip, fact.epoch);
  state.holds.set(fact.vip, {
    epoch: fact.epoch,
    phase: fact.remainingMs > 0 ? "holding" : "lingering",
    sinceMs: now,
    renewedMs: now - (LEASE_S * 1_000 - fact.remainingMs),
    announceFrom: [now],
    announcedMs: -Infinity,
    rival: false,
    funnelMs: null,
    successor: null,
    lost: false,
  });
  if (fact.remainingMs > 0) {
    state.reasons.set(fact.vip, "adopted from an earlier run of this agent");
  }
}

function onHold(
  state: State,
  vip: Ip,
  change: (hold: NonNullable<ReturnType<State["holds"]["get"]>>) => void,
): void {
  const hold = state.holds.get(vip);
  if (hold !== undefined) change(hold);
}

function onTableSettled(state: State, version: number, now: number): void {
  state.settledVersion = version;
  if (version !== state.tableVersion) return;
  for (const hold of state.holds.values()) {
    if (hold.phase !== "settling") continue;
    hold.phase = "lingering";
    hold.sinceMs = now;
    state.pulseVersion++;
    state.recordVersion++;
  }
}

function onLeave(state: State, now: number): void {
  if (state.phase === "leaving" || state.phase === "stopped") return;
  state.phase = "leaving";
  state.phaseMs = now;
  state.tableVersion++;
  state.pulseVersion++;
  state.recordVersion++;
}
