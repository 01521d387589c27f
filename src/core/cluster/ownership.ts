/**
 * Who holds a VIP: a pure ordering over what all nodes share.
 *
 * The live incumbent stays. Without one, fit candidates are ordered by an operator's move order, then the
 * VIP's list of preferred nodes, then priority, then a hash of node and VIP, so that several VIPs spread over
 * the nodes. A node that is drained comes last, and hands over what it holds. VIPs of one group are one: the first of them leads, the others follow its holder. Every claim has an
 * epoch, one above the highest seen; of two claims the higher epoch wins, then the higher priority, then
 * the lower id. Partition: two sides that cannot hear each other both hold; when they meet again the
 * rule for two claims leaves one.
 */
import type { Ip } from "../address.ts";
import type { NodeId } from "../document/document.ts";
import { givesVipsAway } from "../document/draining.ts";
import { EPOCH_MAX } from "../limits.ts";
import { isPresent } from "./liveness.ts";
import { type Member, presentMembers, unfitReason } from "./member.ts";
import { quorumWait } from "./quorum.ts";
import { spreadHash } from "../spread_hash.ts";
import { leaderOf } from "../document/vip.ts";
import type { Hold, State } from "../state.ts";
import {
  LEAVE_WAIT_MS,
  LEAVE_WAIT_MS_MAX,
  MEET_MS_MAX,
  READY_MS_MAX,
  WITNESS_ASKS_MIN,
  WITNESS_SILENT_MS,
  WITNESS_STALE_MS,
} from "../timing.ts";

export { type Member, ownUnfit, presentMembers, unfitReason } from "./member.ts";

/** What to do about one VIP now. `reason` is for people, logs and tests. */
export type Decision =
  | { readonly act: "hold"; readonly reason: string; readonly successor: NodeId | null }
  | { readonly act: "release"; readonly reason: string }
  | { readonly act: "claim"; readonly reason: string; readonly epoch: number }
  /** Is invited to claim, and makes its table ready first. */
  | { readonly act: "prepare"; readonly reason: string }
  /** Would claim, but the LAN has to be asked first. */
  | { readonly act: "ask"; readonly reason: string }
  | { readonly act: "wait"; readonly reason: string };

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
function wasMovedTo(state: State, vip: Ip, id: NodeId): boolean {
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
function nextEpoch(state: State, vip: Ip): number {
  return Math.min(EPOCH_MAX, Math.max(state.epochs.get(vip) ?? 0, state.epochFloor) + 1);
}

/** Decides about one VIP of the document. */
export function decideOwnership(state: State, vip: Ip, now: number): Decision {
  const leader = leaderOf(vip, state.document.vips);
  if (leader !== vip) return decideFollower(state, vip, { leader, now });
  const members = presentMembers(state, vip);
  const incumbent = incumbentOf(members);
  const target = moveTarget(state, vip, members);
  const hold = state.holds.get(vip);
  const context = { members, incumbent, target, vip, now };
  return hold?.phase === "holding" ? decideHeld(state, hold, context) : decideFree(state, context);
}

/**
 * A VIP that is not the first of its group is where the first one is. A group that is made of VIPs on several nodes
 * comes together as in a planned move: who holds one of them hands it over to who holds the first.
 */
function decideFollower(state: State, vip: Ip, { leader, now }: Followed): Decision {
  const held = state.holds.get(vip)?.phase === "holding";
  const leading = state.holds.get(leader);
  if (leading?.phase === "holding") {
    const reason = `moves with ${leader}, which this node holds`;
    if (held) return { act: "hold", reason, successor: leading.successor };
    const incumbent = incumbentOf(presentMembers(state, vip));
    if (incumbent !== undefined && incumbent.claim?.yielding !== true) {
      return { act: "wait", reason: `${incumbent.name} will hand it over, as ${leader} is here` };
    }
    const unheard = incumbent === undefined ? quorumWait(state, vip, now) : null;
    if (unheard !== null) return { act: "wait", reason: unheard };
    return { act: "claim", reason, epoch: nextEpoch(state, vip) };
  }
  const heir = held ? heirOf(state, vip, { leader, now }) : null;
  if (heir !== null) {
    const reason = `moves with ${leader}: handing it over to ${heir.name}, which holds that`;
    return { act: "hold", reason, successor: heir.id };
  }
  const reason = `moves with ${leader}, which this node does not hold`;
  return { act: held ? "release" : "wait", reason };
}

interface Followed {
  readonly leader: Ip;
  readonly now: number;
}

/** To whom this node hands a VIP over that it holds without the first of its group; null when it just lets go. */
function heirOf(state: State, vip: Ip, { leader, now }: Followed): Member | null {
  const owner = incumbentOf(presentMembers(state, leader));
  if (owner === undefined || owner.id === state.self.id || owner.unfit !== null) return null;
  const claims = presentMembers(state, vip).some(({ id, claim }) =>
    id === owner.id && claim !== undefined
  );
  const isLate = state.phase === "leaving" && waitsTooLong(state, vip, now);
  return claims || isLate || unfitReason(state, vip) !== null ? null : owner;
}

interface Context {
  readonly members: readonly Member[];
  readonly incumbent: Member | undefined;
  readonly target: NodeId | null;
  readonly vip: Ip;
  readonly now: number;
}

function decideHeld(state: State, hold: Hold, context: Context): Decision {
  const { members, incumbent, target, vip, now } = context;
  const selfId = state.self.id;
  if (incumbent !== undefined && incumbent.id !== selfId) {
    return {
      act: "release",
      reason: `${incumbent.name} holds it with epoch ${incumbent.claim?.epoch}`,
    };
  }
  const unfit = unfitReason(state, vip);
  if (unfit !== null) return { act: "release", reason: `this node is unfit: ${unfit}` };
  const successor = rankCandidates(state, { members, vip, first: target })
    .find(({ id }) => id !== selfId);
  if (state.phase === "leaving") {
    if (successor === undefined) {
      return { act: "release", reason: "this node leaves, and nobody can take over" };
    }
    if (waitsTooLong(state, vip, now)) {
      return {
        act: "release",
        reason: `this node leaves, and ${successor.name} did not take over in time`,
      };
    }
    return {
      act: "hold",
      reason: `this node leaves: handing over to ${successor.name}`,
      successor: successor.id,
    };
  }
  if (target !== null && target !== selfId && successor?.id === target) {
    return { act: "hold", reason: `moving to ${successor.name} as ordered`, successor: target };
  }
  if (successor !== undefined && isEvacuated(state, vip, successor.id)) {
    return {
      act: "hold",
      reason: `this node is drained: handing over to ${successor.name}`,
      successor: successor.id,
    };
  }
  return decideFailback(state, { vip, now, hold, best: successor });
}

/** Whether this node, which leaves, has waited long enough: each successor has its time, for one may fail meanwhile. */
function waitsTooLong({ phaseMs, holds }: State, vip: Ip, now: number): boolean {
  const sinceMs = Math.max(phaseMs, holds.get(vip)?.funnelMs ?? phaseMs);
  return now - sinceMs >= LEAVE_WAIT_MS || now - phaseMs >= LEAVE_WAIT_MS_MAX;
}

/** Whether this node, which holds the VIP, is drained and gives it to a node that is not; an order to hold it counts more. */
function isEvacuated(state: State, vip: Ip, successor: NodeId): boolean {
  return givesVipsAway(state, state.self.id) && !givesVipsAway(state, successor) &&
    !wasMovedTo(state, vip, state.self.id);
}

/** Nothing speaks against keeping the VIP but what operators prefer. */
function decideFailback(
  state: State,
  held: { vip: Ip; now: number; hold: Hold; best: Member | undefined },
): Decision {
  const { vip, now, hold, best } = held;
  const holds = `${state.self.name} holds it with epoch ${hold.epoch}`;
  const due = state.failbacks.get(vip);
  if (due === undefined || best?.id !== due.to) {
    return { act: "hold", reason: holds, successor: null };
  }
  const failbackS = state.document.vips.get(vip)?.failbackS ?? 0;
  const leftMs = due.sinceMs + failbackS * 1_000 - now;
  if (leftMs > 0) {
    const reason = `${holds}; it goes back to ${best.name}, which is preferred, in ${
      Math.ceil(leftMs / 1_000)
    } s`;
    return { act: "hold", reason, successor: null };
  }
  return {
    act: "hold",
    reason: `going back to ${best.name}, which is preferred`,
    successor: best.id,
  };
}

function decideFree(state: State, context: Context): Decision {
  const { members, incumbent, target, vip, now } = context;
  if (state.phase === "starting") {
    const reason = state.doubt === null
      ? "this node is starting and listens first"
      : `this node waits for a peer's document: ${state.doubt.reason}`;
    return { act: "wait", reason };
  }
  if (state.phase !== "running") return { act: "wait", reason: "this node is leaving" };
  const yields = incumbent?.claim?.yielding === true;
  if (incumbent !== undefined && !yields) {
    return {
      act: "wait",
      reason: `${incumbent.name} holds it with epoch ${incumbent.claim?.epoch}`,
    };
  }
  const candidates = rankCandidates(state, {
    members: members.filter((member) => member.id !== incumbent?.id),
    vip,
    first: target,
  });
  const best = candidates[0];
  if (best === undefined) {
    return { act: "wait", reason: `no director can hold it: ${ownObstacle(state, vip)}` };
  }
  if (best.id !== state.self.id) return { act: "wait", reason: `${best.name} is preferred` };
  const epoch = nextEpoch(state, vip);
  const invitedMs = state.invitedMs.get(vip);
  if (incumbent !== undefined && !isReady(state, invitedMs, now)) {
    return { act: "prepare", reason: `${incumbent.name} hands it over: making the table ready` };
  }
  if (incumbent !== undefined) {
    return { act: "claim", reason: `${incumbent.name} hands it over`, epoch };
  }
  if (invitedMs !== undefined && now - invitedMs < READY_MS_MAX) {
    return { act: "claim", reason: "its holder has let it go for this node", epoch };
  }
  const unheard = quorumWait(state, vip, now);
  if (unheard !== null) return { act: "wait", reason: unheard };
  const unknown = unknownToPeers(state, vip, now);
  if (unknown !== null) return { act: "wait", reason: unknown };
  return decideByWitness(state, { vip, now, epoch });
}

/**
 * Why a node that has just started does not take a VIP yet that no running director has spoken of: its document may be of
 * another time, and the VIP one that was removed since.
 */
function unknownToPeers(state: State, vip: Ip, now: number): string | null {
  if (now - state.phaseMs >= MEET_MS_MAX) return null;
  const directors = [...state.peers.values()].filter((peer) =>
    isPresent(peer) && !peer.life.starting && peer.record.director
  );
  if (directors.some(({ record }) => record.vips[vip] !== undefined)) return null;
  const [first] = directors;
  if (first === undefined) return null;
  return `this node has just started, and ${first.record.name} has not said yet that it knows the VIP`;
}

/**
 * Whether the table is as it should be for a VIP that is handed over: for itself only, until the node that lets go is
 * known to be so, too. One that takes too long is not waited for.
 */
function isReady(state: State, invitedMs: number | undefined, now: number): boolean {
  if (invitedMs === undefined) return false;
  return state.settledVersion === state.tableVersion || now - invitedMs >= READY_MS_MAX;
}

function ownObstacle(state: State, vip: Ip): string {
  if (!state.self.director) return "this node is not a director";
  return unfitReason(state, vip) ?? "this node has just let it go";
}

/** Nobody that pulses holds the VIP; a machine that cannot pulse may still answer for it. */
function decideByWitness(state: State, free: { vip: Ip; now: number; epoch: number }): Decision {
  const witness = state.witnesses.get(free.vip);
  const fresh = witness !== undefined && free.now - witness.lastAskedMs <= WITNESS_STALE_MS;
  if (!fresh || witness.asks < WITNESS_ASKS_MIN) {
    return { act: "ask", reason: "asking the LAN whether anybody still answers for it" };
  }
  if (free.now - Math.max(witness.answeredMs, witness.firstAskedMs) < WITNESS_SILENT_MS) {
    const who = witness.answeredMs > -Infinity
      ? `${witness.mac} still answers for it`
      : "waiting for answers from the LAN";
    return { act: "ask", reason: who };
  }
  return {
    act: "claim",
    reason: "no live node holds it and nobody answers for it",
    epoch: free.epoch,
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
