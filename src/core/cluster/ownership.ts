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
import { leaderOf } from "../document/vip.ts";
import type { Hold, State } from "../state.ts";
import { LEAVE_WAIT_MS, LEAVE_WAIT_MS_MAX } from "../timing.ts";
import { incumbentOf, moveTarget, nextEpoch, rankCandidates, wasMovedTo } from "./candidates.ts";
import type { Context, Decision } from "./decision.ts";
import { decideFree } from "./free_vip.ts";
import { type Member, presentMembers, unfitReason } from "./member.ts";
import { quorumWait } from "./quorum.ts";

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
