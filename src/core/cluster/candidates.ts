/**
 * Who should have a VIP: a pure ordering over what all nodes share, and the orders of operators.
 */
import type { Ip } from "../address.ts";
import type { NodeId } from "../document/document.ts";
import { givesVipsAway } from "../document/draining.ts";
import { leaderOf } from "../document/vip.ts";
import { EPOCH_MAX } from "../limits.ts";
import { spreadHash } from "../spread_hash.ts";
import type { State } from "../state.ts";
import type { Member } from "./member.ts";

/**
 * The member whose claim stands: highest epoch, then one not handed over (there may be no higher epoch left), then
 * priority, then lowest id. Undefined when nobody claims.
 */
export function incumbentOf(members: readonly Member[]): Member | undefined {
  return members.filter((member) => member.claim !== undefined).sort(compareClaims)[0];
}

function compareClaims(a: Member, b: Member): number {
  return (b.claim?.epoch ?? -1) - (a.claim?.epoch ?? -1) ||
    Number(a.claim?.yielding ?? false) - Number(b.claim?.yielding ?? false) ||
    b.priority - a.priority || compareText(a.id, b.id);
}

/** Who could take a VIP, and who should. */
export interface Candidacy {
  readonly members: readonly Member[];
  readonly vip: Ip;
  /** Comes before all others: the target of a move; null for none. */
  readonly first: NodeId | null;
}

/**
 * Members that could hold the VIP, best first: `first`, then the VIP's preferred nodes, then priority, then hash. Whose
 * gateway witness is silent is none of them while it answers another one; every node, that one too, judges so by what all
 * say, or two would take the VIP. It may keep what it has until it is sure to be cut off.
 */
export function rankCandidates(state: State, { members, vip, first }: Candidacy): Member[] {
  const leader = leaderOf(vip, state.document.vips);
  const able = members.filter((member) =>
    member.director && member.unfit === null && !member.leaving && !member.starting
  );
  const isAnswered = able.some(({ witness }) => witness === "answers");
  return able.filter(({ witness }) => !isAnswered || witness !== "silent")
    .sort((a, b) =>
      Number(b.id === first) - Number(a.id === first) ||
      Number(givesVipsAway(state, a.id)) - Number(givesVipsAway(state, b.id)) ||
      comparePreference(state, leader, a, b) ||
      spreadHash(b.id + leader) - spreadHash(a.id + leader) ||
      compareText(a.id, b.id)
    );
}

/** What operators said about who should hold the VIP: negative when `a` should rather than `b`, 0 when they said nothing. */
function comparePreference(state: State, leader: Ip, a: Member, b: Member): number {
  const prefer = state.document.vips.get(leader)?.prefer ?? [];
  const place = ({ id }: Member) => prefer.includes(id) ? prefer.indexOf(id) : prefer.length;
  return place(a) - place(b) || b.priority - a.priority;
}

/**
 * The node to which the VIP goes back from its live holder, by what operators prefer; null when it stays. An
 * order to move it counts more, until it changes hands again.
 */
export function failbackTarget(
  state: State,
  vip: Ip,
  members: readonly Member[],
): NodeId | null {
  const leader = leaderOf(vip, state.document.vips);
  if ((state.document.vips.get(leader)?.failbackS ?? null) === null) return null;
  const incumbent = incumbentOf(members);
  if (incumbent === undefined || wasMovedTo(state, vip, incumbent.id)) return null;
  const best = rankCandidates(state, { members, vip, first: null })[0];
  if (best === undefined || best.id === incumbent.id || givesVipsAway(state, best.id)) return null;
  return comparePreference(state, leader, best, incumbent) < 0 ? best.id : null;
}

/** Whether the present claim is the one an operator's order made. */
export function wasMovedTo(state: State, vip: Ip, id: NodeId): boolean {
  const move = state.document.moves.get(vip);
  return move !== undefined && move.to === id && move.fromEpoch + 1 === state.epochs.get(vip);
}

/**
 * The epoch by which an order to move a VIP is judged: that of the claim that counts. The target of an order may know a
 * higher one, which it had itself in another part and which ended there: whoever holds the VIP knows nothing of it.
 */
export function presentEpoch(state: State, vip: Ip, members: readonly Member[]): number {
  return incumbentOf(members)?.claim?.epoch ?? state.epochs.get(vip) ?? 0;
}

/** The target of a move order that is not spent yet; null when there is none. */
export function moveTarget(state: State, vip: Ip, members: readonly Member[]): NodeId | null {
  const move = state.document.moves.get(vip);
  return move !== undefined && move.fromEpoch === presentEpoch(state, vip, members)
    ? move.to
    : null;
}

/** The epoch of a new claim: above every one that was ever seen, or may have been. */
export function nextEpoch(state: State, vip: Ip): number {
  return Math.min(EPOCH_MAX, Math.max(state.epochs.get(vip) ?? 0, state.epochFloor) + 1);
}

/** Orders texts by their code units, everywhere the same. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
