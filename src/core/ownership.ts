/**
 * Who holds a VIP: a pure ordering over what all nodes share.
 *
 * The live incumbent stays. Without one, fit candidates are ordered by an operator's move order, then
 * priority, then a hash of node and VIP, so that several VIPs spread over the nodes. Every claim has an
 * epoch, one above the highest seen; of two claims the higher epoch wins, then the higher priority, then
 * the lower id. Partition: two sides that cannot hear each other both hold; when they meet again the
 * rule for two claims leaves one.
 */
import type { Ip } from "./address.ts";
import type { NodeId } from "./document.ts";
import { EPOCH_MAX } from "./limits.ts";
import { isPresent } from "./liveness.ts";
import type { Claim } from "./pulse.ts";
import type { Hold, State } from "./state.ts";
import { LEAVE_WAIT_MS, WITNESS_ASKS_MIN, WITNESS_SILENT_MS, WITNESS_STALE_MS } from "./timing.ts";

/** What to do about one VIP now. `reason` is for people, logs and tests. */
export type Decision =
  | { readonly act: "hold"; readonly reason: string; readonly successor: NodeId | null }
  | { readonly act: "release"; readonly reason: string }
  | { readonly act: "claim"; readonly reason: string; readonly epoch: number }
  /** Would claim, but the LAN has to be asked first. */
  | { readonly act: "ask"; readonly reason: string }
  | { readonly act: "wait"; readonly reason: string };

/** A node in the order, this one included. */
export interface Member {
  readonly id: NodeId;
  readonly name: string;
  readonly priority: number;
  readonly director: boolean;
  readonly unfit: string | null;
  readonly leaving: boolean;
  readonly starting: boolean;
  readonly claim: Claim | undefined;
}

/** Every member that takes part now, this node first. */
export function presentMembers(state: State, vip: Ip): Member[] {
  const members: Member[] = [selfMember(state, vip)];
  for (const peer of state.peers.values()) {
    if (!isPresent(peer)) continue;
    const { record, life } = peer;
    members.push({
      id: record.id,
      name: record.name,
      priority: record.priority,
      director: record.director,
      unfit: record.vips[vip] === undefined ? "does not know the VIP yet" : record.vips[vip],
      leaving: life.leaving || record.phase !== "running",
      starting: life.starting,
      // A peer of which no pulse came in this run of ours is not a claimer yet.
      claim: life.claims.get(vip),
    });
  }
  return members;
}

function selfMember(state: State, vip: Ip): Member {
  const { self } = state;
  const hold = state.holds.get(vip);
  return {
    id: self.id,
    name: self.name,
    priority: self.priority,
    director: self.director,
    unfit: unfitReason(state, vip),
    leaving: state.phase === "leaving" || state.phase === "stopped",
    starting: state.phase === "starting",
    claim: ownClaim(hold),
  };
}

/** As the others see it: who settles still claims, and is ready for any successor. */
function ownClaim(hold: Hold | undefined): Claim | undefined {
  if (hold === undefined || hold.phase === "lingering") return undefined;
  return { epoch: hold.epoch, yielding: hold.phase === "settling" };
}

/** Why this node cannot hold the VIP now; null when it can. */
export function unfitReason(state: State, vip: Ip): string | null {
  const placement = state.placements.get(vip);
  if (placement === undefined) return "interfaces not looked at yet";
  return placement.unfit;
}

/** The member whose claim stands: highest epoch, then priority, then lowest id. Undefined when nobody claims. */
export function incumbentOf(members: readonly Member[]): Member | undefined {
  return members.filter((member) => member.claim !== undefined).sort(compareClaims)[0];
}

function compareClaims(a: Member, b: Member): number {
  return (b.claim?.epoch ?? -1) - (a.claim?.epoch ?? -1) || b.priority - a.priority ||
    compareText(a.id, b.id);
}

/** Members that could take the VIP, best first: `first` (the target of a move), then priority, then hash. */
export function rankCandidates(
  members: readonly Member[],
  vip: Ip,
  first: NodeId | null,
): Member[] {
  return members
    .filter((member) =>
      member.director && member.unfit === null && !member.leaving && !member.starting
    )
    .sort((a, b) =>
      Number(b.id === first) - Number(a.id === first) ||
      b.priority - a.priority ||
      spreadHash(b.id + vip) - spreadHash(a.id + vip) ||
      compareText(a.id, b.id)
    );
}

/** The target of a move order that is not spent yet; null when there is none. */
export function moveTarget(state: State, vip: Ip): NodeId | null {
  const move = state.document.moves.get(vip);
  return move !== undefined && move.fromEpoch === (state.epochs.get(vip) ?? 0) ? move.to : null;
}

/** Decides about one VIP of the document. */
export function decideOwnership(state: State, vip: Ip, now: number): Decision {
  const members = presentMembers(state, vip);
  const incumbent = incumbentOf(members);
  const target = moveTarget(state, vip);
  const hold = state.holds.get(vip);
  const context = { members, incumbent, target, vip, now };
  return hold?.phase === "holding" ? decideHeld(state, hold, context) : decideFree(state, context);
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
  const others = rankCandidates(members.filter((member) => member.id !== selfId), vip, target);
  const successor = others[0];
  if (state.phase === "leaving") {
    if (successor === undefined) {
      return { act: "release", reason: "this node leaves, and nobody can take over" };
    }
    if (now - state.phaseMs >= LEAVE_WAIT_MS) {
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
  return {
    act: "hold",
    reason: `${state.self.name} holds it with epoch ${hold.epoch}`,
    successor: null,
  };
}

function decideFree(state: State, context: Context): Decision {
  const { members, incumbent, target, vip, now } = context;
  if (state.phase === "starting") {
    return { act: "wait", reason: "this node is starting and listens first" };
  }
  if (state.phase !== "running") return { act: "wait", reason: "this node is leaving" };
  const yields = incumbent?.claim?.yielding === true;
  if (incumbent !== undefined && !yields) {
    return {
      act: "wait",
      reason: `${incumbent.name} holds it with epoch ${incumbent.claim?.epoch}`,
    };
  }
  const candidates = rankCandidates(
    members.filter((member) => member.id !== incumbent?.id),
    vip,
    target,
  );
  const best = candidates[0];
  if (best === undefined) {
    return { act: "wait", reason: `no director can hold it: ${ownObstacle(state, vip)}` };
  }
  if (best.id !== state.self.id) return { act: "wait", reason: `${best.name} is preferred` };
  const epoch = Math.min(EPOCH_MAX, (state.epochs.get(vip) ?? 0) + 1);
  if (yields) return { act: "claim", reason: `${incumbent?.name} hands it over`, epoch };
  return decideByWitness(state, { vip, now, epoch });
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

/** 32-bit FNV-1a: spreads VIPs over nodes; not for secrets. */
export function spreadHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // FNV alone hardly moves the high bits for texts that differ at the end: mix once (murmur3's finalizer).
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
