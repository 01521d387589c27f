/**
 * What time alone changes: peers fall silent, VIPs are claimed and let go, phases end.
 */
import type { Ip } from "./address.ts";
import { drainsTurn } from "./document/draining.ts";
import { awaitsWitness, forgiveSilence, judgeWitness } from "./cluster/gateway_witness.ts";
import { isPresent, judgeLife } from "./cluster/liveness.ts";
import { failbackTarget, incumbentOf, rankCandidates } from "./cluster/candidates.ts";
import type { Decision } from "./cluster/decision.ts";
import { ownUnfit, presentMembers } from "./cluster/member.ts";
import { decideOwnership } from "./cluster/ownership.ts";
import { judgeQuorum, quorumUnfit } from "./cluster/quorum.ts";
import type { Hold, LifeState, Peer, State } from "./state.ts";
import {
  CLOCK_GAP_MS,
  FAILBACK_READY_MS,
  LEASE_S,
  LINGER_MS,
  PRESSING_TICK_MS,
  REUNION_MS,
  TICK_MS,
  WITNESS_ASK_MS,
  WITNESS_STALE_MS,
} from "./timing.ts";
import { announceAnew } from "./cluster/announcements.ts";
import { endDoubt } from "./cluster/recall.ts";
import { endInheritance } from "./pool/inherited.ts";
import { holdsEnd } from "./pool/server_verdict.ts";
import { growShares, noteRises } from "./pool/rises.ts";
import { leaderOf } from "./document/vip.ts";
import { notePools } from "./pool/pool_judgement.ts";

/** Time a starting node listens before it decides anything, beyond the dead time: one round trip to learn boots. */
const START_EXTRA_MS = 100;
/** Longest wait for the table to become local-only after letting go, ms; see the phase `settling`. */
const SETTLE_MS_MAX = 1_000;

/** Folds the passing of time up to `now` into the state; `wallMs` is the wall clock of that moment. */
export function tick(state: State, now: number, wallMs = state.wallMs): void {
  if (holdsEnd(state, state.lastTickMs, now)) touch(state);
  noticeGap(state, now);
  if (growShares(state, now)) state.tableVersion++;
  if (drainsTurn(state, wallMs)) touch(state);
  state.wallMs = wallMs;
  endDoubt(state, now);
  if (endInheritance(state, now)) state.tableVersion++;
  if (
    state.phase === "starting" && state.doubt === null &&
    now - state.trustedFromMs >= state.self.deadMs + START_EXTRA_MS
  ) {
    state.phase = "running";
    state.phaseMs = now;
    touch(state);
  }
  judgePeers(state, now);
  const heardOtherwise = judgeQuorum(state, now);
  if (judgeWitness(state, now) || heardOtherwise) touch(state);
  dropUnwanted(state);
  for (const [vip, { untilMs }] of state.refused) {
    if (now < untilMs) continue;
    state.refused.delete(vip);
    // Who is fit may be next, and who is next keeps its table warm.
    touch(state);
  }
  noteFitness(state);
  // In order: the leading VIP of a group comes before those that follow it.
  for (const vip of state.vips) {
    noteFailback(state, vip, now);
    decide(state, vip, now);
  }
  endLingering(state, now);
  if (state.pooledVersion !== state.tableVersion) {
    if (noteRises(state, now)) state.tableVersion++;
    state.pooledVersion = state.tableVersion;
    notePools(state, now);
  }
  if (state.phase === "leaving" && state.holds.size === 0) {
    state.phase = "stopped";
    state.recordVersion++;
    state.pulseVersion++;
  }
}

/** A node that was paused has heard nothing: it judges nobody by that silence, and holds nothing whose lease ran out. */
function noticeGap(state: State, now: number): void {
  const gapMs = now - state.lastTickMs;
  state.lastTickMs = now;
  if (gapMs < CLOCK_GAP_MS) return;
  state.trustedFromMs = now;
  state.witnesses.clear();
  state.awaited.clear();
  forgiveSilence(state, now);
  for (const [vip, hold] of state.holds) {
    if (hold.phase !== "holding" || now - hold.renewedMs < LEASE_S * 1_000) continue;
    state.holds.delete(vip);
    state.releases++;
    state.reasons.set(
      vip,
      `let go: this node was paused for ${Math.round(gapMs)} ms and the lease ran out`,
    );
    touch(state);
  }
}

function judgePeers(state: State, now: number): void {
  for (const peer of state.peers.values()) {
    const before = peer.life.state;
    const { state: after } = judgeLife(state, peer, now);
    noteMeeting(state, peer, { after, now });
    if (before === after) continue;
    peer.life.state = after;
    if (after === "dead") peer.life.diedMs = now;
    if (after === "dead" || after === "left") forgetGoodNews(peer);
    state.tableVersion++;
  }
}

/**
 * A director that was cut off may have told the neighbours of its part that it has the VIPs, and have let them go before
 * anybody here heard its claim: they are told anew. Not before all claims of that part are heard: this node may lose to one.
 */
function noteMeeting(
  { holds }: State,
  { life, record }: Peer,
  { after, now }: { readonly after: LifeState; readonly now: number },
): void {
  const wereApart = life.apart;
  const meets = wereApart && now - life.sinceMs < REUNION_MS;
  life.apart = after === "dead" || life.deaf || meets;
  if (!wereApart || life.apart || !record.director) return;
  for (const hold of holds.values()) {
    if (hold.phase === "holding") announceAnew(hold, life.sinceMs);
  }
}

/** What the holder saw of a dead node's servers is old news when the node is back; what it did not reach it tries first. */
function forgetGoodNews({ reached }: Peer): void {
  for (const [key, { up }] of reached) if (up) reached.delete(key);
}

/**
 * Tells at once when this node can hold a VIP again, or no more: that may depend on the others, and two that take each other
 * for unfit would both take it.
 */
function noteFitness(state: State): void {
  for (const vip of state.vips) {
    const before = state.unfit.get(vip);
    const unfit = ownUnfit(state, vip);
    state.unfit.set(vip, unfit);
    // A VIP that is new is told of with the document.
    if (before !== undefined && before !== unfit) touch(state);
  }
}

function dropUnwanted(state: State): void {
  for (const vip of state.holds.keys()) {
    if (state.vips.includes(vip)) continue;
    state.holds.delete(vip);
    state.reasons.delete(vip);
    state.failbacks.delete(vip);
    touch(state);
  }
  for (const asked of [state.witnesses, state.invitedMs, state.awaited, state.unfit]) {
    for (const vip of asked.keys()) if (!state.vips.includes(vip)) asked.delete(vip);
  }
}

/**
 * Remembers since when a VIP could go back to a node that is preferred: its holder to do it in time, and that
 * node to have its table ready shortly before.
 */
function noteFailback(state: State, vip: Ip, now: number): void {
  const before = state.failbacks.get(vip);
  // Most VIPs never go back: nothing need be looked at.
  if (before === undefined && state.document.vips.size === 0) return;
  const to = leaderOf(vip, state.document.vips) === vip
    ? failbackTarget(state, vip, presentMembers(state, vip))
    : null;
  if (to === null) {
    state.failbacks.delete(vip);
    if (before?.near) state.tableVersion++;
    return;
  }
  const sinceMs = before?.to === to ? before.sinceMs : now;
  const dueMs = sinceMs + (state.document.vips.get(vip)?.failbackS ?? 0) * 1_000;
  const near = dueMs - now <= FAILBACK_READY_MS;
  state.failbacks.set(vip, { to, sinceMs, near });
  if (near !== (before?.near ?? false)) state.tableVersion++;
}

function decide(state: State, vip: Ip, now: number): void {
  const decision = decideOwnership(state, vip, now);
  state.reasons.set(vip, decision.reason);
  noteAwaited(state, vip, { decision, now });
  if (decision.act !== "prepare") state.invitedMs.delete(vip);
  switch (decision.act) {
    case "hold":
      state.witnesses.delete(vip);
      return keep(state, vip, { decision, now });
    case "release":
      return release(state, vip, now);
    case "claim":
      return claim(state, vip, { epoch: decision.epoch, now });
    case "prepare":
      if (state.invitedMs.has(vip)) return;
      state.invitedMs.set(vip, now);
      // Who takes a VIP over is local until the other one is: see core/desired/desired_row.ts.
      state.tableVersion++;
      return;
    case "ask":
      return beginWitness(state, vip, now);
    case "wait":
      // Questions end as soon as nobody needs the answer.
      if (expectsSuccession(state, vip)) beginWitness(state, vip, now);
      else state.witnesses.delete(vip);
  }
}

/** Remembers since when one and the same node is waited for; while the LAN is asked, that goes on unless somebody answers. */
function noteAwaited(
  { awaited, witnesses }: State,
  vip: Ip,
  { decision, now }: { readonly decision: Decision; readonly now: number },
): void {
  const answered = witnesses.get(vip)?.mac ?? null;
  if (decision.act === "ask" && answered === null) return;
  const id = decision.act === "wait" ? decision.awaits : undefined;
  if (id === undefined) awaited.delete(vip);
  else if (awaited.get(vip)?.id !== id) awaited.set(vip, { id, sinceMs: now });
}

function keep(
  state: State,
  vip: Ip,
  held: { decision: Extract<Decision, { act: "hold" }>; now: number },
): void {
  const hold = state.holds.get(vip) as Hold;
  const { decision, now } = held;
  if (hold.successor !== decision.successor) {
    // Who was to take over may have announced itself and died before anybody heard of its claim.
    if (hold.successor !== null) announceAnew(hold, now);
    hold.successor = decision.successor;
    hold.funnelMs = decision.successor === null ? null : now;
    touch(state);
  }
  const rival = presentMembers(state, vip).some((member) =>
    member.id !== state.self.id && member.claim !== undefined
  );
  if (hold.rival !== rival) {
    hold.rival = rival;
    state.tableVersion++;
    // Whoever heard the rival's announcement must hear this node's again.
    if (!rival) announceAnew(hold, now);
  }
}

function release(state: State, vip: Ip, now: number): void {
  const hold = state.holds.get(vip) as Hold;
  // Who hears no majority invites nobody: the nodes of its own part hear none either, and may not know it yet.
  hold.lost = quorumUnfit(state) !== null ||
    presentMembers(state, vip).some(({ id, claim }) =>
      id !== state.self.id && claim !== undefined && !claim.yielding
    );
  hold.phase = "settling";
  hold.sinceMs = now;
  hold.successor = null;
  hold.funnelMs = null;
  state.releases++;
  touch(state);
}

function claim(state: State, vip: Ip, made: { epoch: number; now: number }): void {
  state.holds.set(vip, {
    epoch: made.epoch,
    phase: "holding",
    sinceMs: made.now,
    renewedMs: made.now,
    announceFrom: [made.now],
    announcedMs: -Infinity,
    rival: presentMembers(state, vip).some((member) =>
      member.id !== state.self.id && member.claim !== undefined
    ),
    funnelMs: null,
    successor: null,
    lost: false,
  });
  state.epochs.set(vip, made.epoch);
  state.claimedMs = made.now;
  state.witnesses.delete(vip);
  state.takeovers++;
  touch(state);
}

function beginWitness(state: State, vip: Ip, now: number): void {
  const witness = state.witnesses.get(vip);
  if (witness !== undefined && now - witness.lastAskedMs <= WITNESS_STALE_MS) return;
  state.witnesses.set(vip, { lastAskedMs: -Infinity, asks: 0, mac: null });
}

/** Whether the holder is suspect and this node would be next: the LAN is then asked while the silence still lasts. */
function expectsSuccession(state: State, vip: Ip): boolean {
  if (state.phase !== "running") return false;
  const members = presentMembers(state, vip);
  const incumbent = incumbentOf(members);
  if (incumbent === undefined || state.peers.get(incumbent.id)?.life.state !== "suspect") {
    return false;
  }
  const others = members.filter((member) => member.id !== incumbent.id);
  return rankCandidates(state, { members: others, vip, first: null })[0]?.id === state.self.id;
}

function endLingering(state: State, now: number): void {
  for (const [vip, hold] of state.holds) {
    const limitMs = hold.phase === "settling" ? SETTLE_MS_MAX : LINGER_MS;
    if (hold.phase === "holding" || now - hold.sinceMs < limitMs) continue;
    if (hold.phase === "settling") {
      hold.phase = "lingering";
      hold.sinceMs = now;
    } else {
      state.holds.delete(vip);
    }
    touch(state);
  }
}

/** Table, record and pulses all tell something new. */
function touch(state: State): void {
  state.tableVersion++;
  state.recordVersion++;
  state.pulseVersion++;
}

/** VIPs for which the LAN should be asked now. */
export function asksDue(state: State, now: number): Ip[] {
  return [...state.witnesses].filter(([, witness]) => now - witness.lastAskedMs >= WITNESS_ASK_MS)
    .map(([vip]) => vip);
}

/** Time until the next tick, ms: short while something hangs in the balance, longer otherwise. */
export function paceMs(state: State): number {
  const pressing = state.witnesses.size > 0 || state.invitedMs.size > 0 || awaitsWitness(state) ||
    state.phase !== "running" ||
    [...state.peers.values()].some(({ life }) => life.state === "suspect") ||
    [...state.holds.values()].some((hold) =>
      hold.phase !== "holding" || hold.rival || hold.successor !== null
    );
  return pressing ? PRESSING_TICK_MS : TICK_MS;
}

/** Whether any peer is there at all: for people and tests. */
export function presentPeers(state: State): number {
  return [...state.peers.values()].filter(isPresent).length;
}
