/**
 * The setting `quorum majority`: only who hears more than half of the cluster holds VIPs. For clusters that prefer no
 * holder to two.
 *
 * Members are this node and every node that was ever heard of and did not leave for good: also those that are dead,
 * stopped, or known from an earlier run only. A member is heard when its pulses come and do not say that it does not
 * hear this node.
 *
 * No two parts of a cluster hold a VIP at the same time, whoever changes sides when:
 * - A holder lets go once it has not heard a majority for `deadMs`, and its lease ends {@link LEASE_S} after its last
 *   renewal even if it hangs. So it has the VIP for no more than {@link surelyGoneMs} after it last heard one.
 * - Nobody claims before a member that it does not hear has been silent for so long: it may be that holder.
 * - Nobody claims before it has heard a majority for so long without a break: one of those may have come over from the
 *   part of a holder.
 * A node that is in two parts at once (it hears two that do not hear each other) passes on the claims of both, and the
 * rule for two claims settles it. A planned move has two holders for a beat by design: cut in that very beat, it has
 * them until the old one lets go.
 */
import type { Ip } from "../address.ts";
import type { NodeId } from "../document/document.ts";
import { claimToldMs } from "./hearsay.ts";
import { freeVips, isPresent } from "./liveness.ts";
import { settingText } from "../document/settings.ts";
import type { Pulse } from "./pulse.ts";
import type { Life, Peer, State } from "../state.ts";
import type { Quorum } from "../state/quorum.ts";
import { LEASE_S, QUORUM_FRESH_PULSES, QUORUM_SLACK_MS } from "../timing.ts";

/** Members below which a majority is everybody, so that one dead node stops the service. */
export const QUORUM_MEMBERS_MIN = 3;

/** Whether a majority is asked for. */
export function wantsMajority(state: Pick<State, "document">): boolean {
  return settingText(state.document.settings, "quorum") === "majority";
}

/** Every member but this node. */
export function otherMembers(state: State): NodeId[] {
  const { nodes } = state.document;
  const known = new Set([...state.peers.keys(), ...nodes.keys()]);
  return [...known].filter((id) => id !== state.self.id && nodes.get(id)?.left !== true);
}

/** Counts anew; true when others must be told. */
export function judgeQuorum(state: State, now: number): boolean {
  const before = quorumUnfit(state);
  const wanted = state.quorum?.wanting ?? false;
  state.quorum = wantsMajority(state) ? countMembers(state, now) : null;
  const asks = !wanted && state.quorum?.wanting === true && askSilent(state, now);
  return asks || before !== quorumUnfit(state);
}

/**
 * Asks those that were not heard lately whether they live, when a VIP has lost its holder: they may be in its part, on the
 * slow beat silence takes seconds to mean death, and who is dead is waited for from that moment. True when there are some.
 */
function askSilent(state: State, now: number): boolean {
  const silent = [...state.peers.values()].filter((peer) =>
    isPresent(peer) && peer.life.askedMs === null && peer.life.heardMs > -Infinity &&
    now - peer.life.heardMs >= state.self.deadMs
  );
  for (const { life } of silent) life.askedMs = now;
  return silent.length > 0;
}

function countMembers(state: State, now: number): Quorum {
  const others = otherMembers(state);
  const heard = others.filter((id) => isHeard(state, state.peers.get(id), now)).length;
  const wanting = freeVips(state).length > 0;
  return { members: others.length + 1, heard: heard + 1, wanting };
}

/** Whether a pulse ends a time in which the peer was not heard, or did not hear this node. */
export function hearsAnew(state: State, life: Life, pulse: Pulse, now: number): boolean {
  const patienceMs = Math.max(state.self.deadMs, QUORUM_FRESH_PULSES * life.promisedMs);
  return life.state === "dead" || pulse.deaf || now - life.heardMs > patienceMs;
}

/**
 * A holder has the fast beat of all, and trusts no pulse that is older than `deadMs`, whatever kept it from hearing;
 * a new one is given that time to get the fast beat. Others trust two pulses of the slow beat.
 */
function isHeard(state: State, peer: Peer | undefined, now: number): boolean {
  if (peer === undefined || !isPresent(peer) || peer.life.deaf) return false;
  const { heardMs, promisedMs } = peer.life;
  const { deadMs } = state.self;
  const holds = [...state.holds.values()].some(({ phase }) => phase === "holding");
  if (holds) return heardMs > -Infinity && now - Math.max(heardMs, state.claimedMs) < deadMs;
  return now - heardMs < Math.max(deadMs, QUORUM_FRESH_PULSES * promisedMs);
}

/** Why this node may hold nothing; null when it may. A starting node renews no lease, and is not asked yet. */
export function quorumUnfit({ quorum, phase }: State): string | null {
  if (quorum === null || phase === "starting" || 2 * quorum.heard > quorum.members) return null;
  return `hears ${quorum.heard} of the cluster's ${quorum.members} nodes, itself included, which is no ` +
    "majority (setting quorum)";
}

/** Time before this node may claim the VIP, ms; 0 when it may. See the head of this file. */
export function quorumWaitMs(state: State, vip: Ip, now: number): number {
  if (state.quorum === null) return 0;
  const others = otherMembers(state);
  const freeMs = others.map((id) => surelyFreeMs(state, state.peers.get(id), vip));
  return Math.max(0, majorityMs(state, others, now) - now, ...freeMs.map((ms) => ms - now));
}

/** Why this node must wait before it claims the VIP; null when it need not. */
export function quorumWait(state: State, vip: Ip, now: number): string | null {
  const waitMs = quorumWaitMs(state, vip, now);
  if (waitMs === 0) return null;
  const seconds = (waitMs / 1_000).toFixed(1);
  return `a node that is not heard may hold it for another ${seconds} s (setting quorum)`;
}

/** Longest time for which a holder has a VIP that last heard a majority now, ms. */
function surelyGoneMs(deadMs: number): number {
  // It may have claimed just before it took the silence for one, and has `deadMs` from there.
  return LEASE_S * 1_000 + 2 * deadMs + QUORUM_SLACK_MS;
}

/** When a majority will have been heard for long enough without a break; a while from now where none is heard. */
function majorityMs(state: State, others: readonly NodeId[], now: number): number {
  const { deadMs } = state.self;
  const peers = others.flatMap((id) => state.peers.get(id) ?? []);
  const since = peers.filter((peer) =>
    isPresent(peer) && !peer.life.deaf && now - peer.life.heardMs < deadMs
  ).map(({ life }) => life.sinceMs).sort((a, b) => a - b);
  // This node is one of the majority.
  const needed = Math.floor((others.length + 1) / 2);
  if (needed === 0) return -Infinity;
  const longest = Math.max(deadMs, ...peers.map(({ record }) => record.deadMs ?? 0));
  return (since[needed - 1] ?? now) + surelyGoneMs(longest);
}

/** When a member that is not heard has surely let go of the VIP. */
function surelyFreeMs(state: State, peer: Peer | undefined, vip: Ip): number {
  if (peer !== undefined && (isPresent(peer) || peer.life.state === "left")) return -Infinity;
  const deadMs = peer?.record.deadMs ?? state.self.deadMs;
  const waitMs = surelyGoneMs(deadMs);
  if (peer === undefined) return state.startedMs + waitMs;
  const { heardMs, diedMs } = peer.life;
  const silentMs = Math.max(state.startedMs, heardMs, diedMs) + waitMs;
  return Math.max(silentMs, claimToldMs(state, peer, vip) + waitMs);
}
