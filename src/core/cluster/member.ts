/**
 * The nodes that take part now, as those who decide about a VIP see them.
 */
import type { Ip } from "../address.ts";
import type { NodeId } from "../document/document.ts";
import { asideReason } from "../document/forgotten.ts";
import { ownWitness, peerWitness, witnessUnfit } from "./gateway_witness.ts";
import { isPresent } from "./liveness.ts";
import type { Claim } from "./pulse.ts";
import { quorumUnfit } from "./quorum.ts";
import type { Hold, State } from "../state.ts";
import type { WitnessView } from "../state/gateway_witness.ts";
import { isExpired } from "./warnings.ts";
import { groupOf } from "../document/vip.ts";

/** Why a node is unfit for a VIP that has just been added. */
const UNTOLD = "does not know the VIP yet";

/** A node in the order, this one included. */
export interface Member {
  readonly id: NodeId;
  readonly name: string;
  readonly priority: number;
  readonly director: boolean;
  /** Why it cannot hold the VIP; null when it can. */
  readonly unfit: string | null;
  /** It is unfit only in that it has not said yet that it knows the VIP, or one of its group. */
  readonly untold: boolean;
  /** What it says of its gateway witness; "none" where that means nothing for the VIP. */
  readonly witness: WitnessView;
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
    const unfit = peerUnfit(state, record.vips, vip);
    members.push({
      id: record.id,
      name: record.name,
      priority: record.priority,
      director: record.director,
      unfit,
      untold: unfit === UNTOLD,
      witness: peerWitness(state, peer, vip),
      // A record of an earlier run says nothing of one that pulses.
      leaving: life.leaving || (record.phase !== "running" && life.boot <= record.boot),
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
    untold: false,
    witness: ownWitness(state, vip),
    leaving: state.phase === "leaving" || state.phase === "stopped",
    starting: state.phase === "starting",
    claim: ownClaim(hold),
  };
}

/** As the others see it: who settles still claims, and is ready for any successor, as is who hands over. */
function ownClaim(hold: Hold | undefined): Claim | undefined {
  if (hold === undefined || hold.phase === "lingering") return undefined;
  const settles = hold.phase === "settling" && !hold.lost;
  return { epoch: hold.epoch, yielding: settles || hold.funnelMs !== null };
}

/** Why this node cannot hold the VIP, or one that is held together with it, now; null when it can. */
export function unfitReason(state: State, vip: Ip): string | null {
  for (const one of groupOf(vip, state.document.vips)) {
    const unfit = ownUnfit(state, one);
    if (unfit !== null) return one === vip ? unfit : `${unfit} (${one}, of the same group)`;
  }
  return null;
}

/** Why this very VIP cannot be on this machine now; null when it can. */
export function ownUnfit(state: State, vip: Ip): string | null {
  const aside = asideReason(state);
  if (aside !== null) return aside;
  if (isExpired(state)) return "this node's token has expired";
  const placement = state.placements.get(vip);
  if (placement === undefined) return "interfaces not looked at yet";
  return placement.unfit ?? state.refused.get(vip)?.reason ?? quorumUnfit(state) ??
    witnessUnfit(state, vip);
}

/** What its record says of the VIP and those that are held together with it. */
function peerUnfit(
  state: State,
  told: Readonly<Record<Ip, string | null>>,
  vip: Ip,
): string | null {
  const said = groupOf(vip, state.document.vips).map((one) => told[one]);
  return said.find((unfit) => typeof unfit === "string") ??
    (said.includes(undefined) ? UNTOLD : null);
}
