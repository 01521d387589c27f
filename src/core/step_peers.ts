/**
 * What peers tell of themselves, folded into the state: pulses, records, closed connections.
 */
import type { Endpoint, Ip } from "./address.ts";
import type { NodeId } from "./document/document.ts";
import { isForgotten } from "./document/forgotten.ts";
import { noteLoad } from "./pool/load_weight.ts";
import { takeAnswer } from "./cluster/answers.ts";
import { type Pulse, sameClaims } from "./cluster/pulse.ts";
import { hearsAnew } from "./cluster/quorum.ts";
import { isNewer, type NodeRecord, type Verdict } from "./cluster/record.ts";
import { isWorthAnEpoch, makeRoom } from "./cluster/newcomers.ts";
import { followSetBack } from "./cluster/set_back.ts";
import { newLife, type Peer, type State } from "./state.ts";
import { isTwin, isTwinRecord, noteTwin, noteTwinAtOneAddress } from "./cluster/twins.ts";
import { noteForgotten } from "./cluster/warnings.ts";

/** A pulse, the path it came by, and the address it came from. */
interface PulseFact {
  readonly pulse: Pulse;
  readonly path: string;
  readonly source?: Endpoint;
}

/** A pulse of a peer; one of a node of which no record came yet tells nothing. */
export function onPulse(state: State, fact: PulseFact, now: number): void {
  const { pulse, path } = fact;
  if (isForgotten(state.document, pulse.from)) return noteForgotten(state, fact, now);
  const peer = state.peers.get(pulse.from);
  if (peer === undefined) return;
  followSetBack(state, { peer, pulse }, now);
  if (pulse.boot < peer.life.boot) {
    return noteTwinAtOneAddress(state, { peer, pulse, source: fact.source }, now);
  }
  if (fact.source !== undefined && isTwin(peer, pulse, fact.source)) {
    return noteTwin(state, { peer, pulse, source: fact.source }, now);
  }
  if (pulse.boot > peer.life.boot) meetNewRun(state, peer, { boot: pulse.boot, now });
  for (const [vip, claim] of pulse.claims) noteEpoch(state, vip, claim.epoch);
  // Only who knows this very run of ours proves to be no recording: see core/cluster/pulse.ts.
  if (pulse.echo !== state.self.boot) return answer(state, peer, now);
  if (pulse.ask) state.unanswered.add(pulse.from);
  const { life } = peer;
  if (life.heardMs === -Infinity) state.tableVersion++;
  if (life.heardMs > -Infinity) life.gapMaxMs = Math.max(life.gapMaxMs, now - life.heardMs);
  if (hearsAnew(state, life, pulse, now)) life.sinceMs = now;
  life.heardMs = now;
  life.heardOn.set(path, now);
  life.promisedMs = pulse.intervalMs;
  life.askedMs = null;
  if (life.leaving !== pulse.leaving || life.starting !== pulse.starting) state.tableVersion++;
  life.leaving = pulse.leaving;
  life.starting = pulse.starting;
  life.deaf = pulse.deaf;
  life.witness = pulse.witness;
  if (!sameClaims(life.claims, pulse.claims)) state.tableVersion++;
  life.claims = pulse.claims;
}

/** A peer started again: nothing its earlier run said counts any more. */
function meetNewRun(state: State, peer: Peer, run: { boot: number; now: number }): void {
  const { life } = peer;
  life.boot = run.boot;
  life.metMs = run.now;
  life.heardMs = -Infinity;
  life.heardOn.clear();
  life.askedMs = null;
  life.claims = new Map();
  life.deaf = false;
  life.witness = "none";
  answer(state, peer, run.now);
  state.tableVersion++;
}

function answer(state: State, { record, life }: Peer, now: number): void {
  if (takeAnswer(life, now)) state.unanswered.add(record.id);
}

/** Remembers the highest epoch seen of a VIP. */
export function noteEpoch(state: State, vip: Ip, epoch: number): void {
  if (epoch <= (state.epochs.get(vip) ?? 0) || !isWorthAnEpoch(state, vip)) return;
  state.epochs.set(vip, epoch);
}

/** A record of a peer: the newest one counts. */
export function onRecord(state: State, record: NodeRecord, now: number): void {
  if (record.id === state.self.id || isForgotten(state.document, record.id)) return;
  const peer = state.peers.get(record.id);
  if (peer === undefined) {
    if (!makeRoom(state, now)) return;
    state.peers.set(record.id, { record, life: newLife(now), reached: new Map(), toldMs: now });
    state.unanswered.add(record.id);
    state.tableVersion++;
  } else {
    if (!isNewer(record, peer.record) || isTwinRecord(peer, record)) return;
    if (!samePool(peer.record, record)) state.tableVersion++;
    peer.record = record;
    peer.toldMs = now;
  }
  noteClock(state, record);
  noteLoad(state, record.id, told(record, now));
  const epochs = { ...record.epochs, ...record.claims };
  for (const [vip, epoch] of Object.entries(epochs)) noteEpoch(state, vip, epoch);
}

/** Differences of two measurements of a clock that say nothing, ms: most records arrive within a period of it. */
const CLOCK_JITTER_MS = 2_000;

/** Compares wall clocks, for a warning only: no decision uses another node's. */
function noteClock(state: State, { id, wallMs }: NodeRecord): void {
  const life = state.peers.get(id)?.life;
  if (life === undefined || wallMs === undefined || state.wallMs === 0) return;
  const skewMs = wallMs - state.wallMs;
  // A record takes its time: what people read of it must not change with every record.
  if (Math.abs(skewMs - (life.skewMs ?? 0)) > CLOCK_JITTER_MS) life.skewMs = skewMs;
}

/** What a record tells of its node's load. */
export function told({ free }: NodeRecord, now: number): { free: number | null; now: number } {
  return { free: free ?? null, now };
}

/** Whether two records of a node mean the same for every pool: most records only say that nothing changed. */
function samePool(a: NodeRecord, b: NodeRecord): boolean {
  const outline = (
    { name, paths, port, director, realServer, priority, phase, vips }: NodeRecord,
  ) => JSON.stringify([name, paths, port, director, realServer, priority, phase, vips]);
  if (outline(a) !== outline(b)) return false;
  const keys = Object.keys(b.verdicts);
  return keys.length === Object.keys(a.verdicts).length &&
    keys.every((key) => sameVerdict(a.verdicts[key], b.verdicts[key]));
}

function sameVerdict(a: Verdict | undefined, b: Verdict | undefined): boolean {
  return a?.up === b?.up && a?.held === b?.held &&
    JSON.stringify(a?.advice) === JSON.stringify(b?.advice);
}

/** A peer's connection has closed: it is asked whether it lives. */
export function onConnectionClosed(state: State, id: NodeId, now: number): void {
  const peer = state.peers.get(id);
  if (peer === undefined || peer.life.askedMs !== null || peer.life.heardMs === -Infinity) return;
  peer.life.askedMs = now;
  state.pulseVersion++;
}
