/**
 * Whether this node takes a VIP that nobody holds, or that its holder hands over.
 */
import type { Ip } from "../address.ts";
import { givesVipsAway } from "../document/draining.ts";
import type { State } from "../state.ts";
import {
  AWAITED_APART_MS,
  AWAITED_MS_MAX,
  MEET_MS_MAX,
  READY_MS_MAX,
  WITNESS_ANSWER_MS,
  WITNESS_ASKS_MIN,
  WITNESS_STALE_MS,
} from "../timing.ts";
import { compareText, failbackTarget, nextEpoch, rankCandidates } from "./candidates.ts";
import type { Context, Decision } from "./decision.ts";
import { isToldHeld } from "./hearsay.ts";
import { isPresent } from "./liveness.ts";
import { type Member, unfitReason } from "./member.ts";
import { quorumWait } from "./quorum.ts";

/** Decides about a VIP that this node does not hold. */
export function decideFree(state: State, context: Context): Decision {
  const { members, incumbent, target, vip, now } = context;
  const waits = phaseReason(state) ?? heldReason(incumbent);
  if (waits !== null) return { act: "wait", reason: waits };
  const candidates = rankCandidates(state, {
    members: incumbent === undefined
      ? onceTold(state, vip, members)
      : members.filter((member) => member.id !== incumbent.id),
    vip,
    first: target,
  });
  if (candidates.length === 0) {
    return { act: "wait", reason: `no director can hold it: ${ownObstacle(state, vip)}` };
  }
  const wanted: Wanted = { vip, candidates, now };
  return incumbent === undefined
    ? decideUnheld(state, wanted)
    : decideHandedOver(state, incumbent, { ...context, candidates });
}

/**
 * A VIP that nobody ever held has just been added, and one node knows of it before the others do. That is no reason to pass
 * over whom it prefers: who has said nothing yet is waited for like any other. Later on nobody is waited for who cannot be
 * told: pulses may reach a node that the document does not.
 */
function onceTold(state: State, vip: Ip, members: readonly Member[]): readonly Member[] {
  if ((state.epochs.get(vip) ?? 0) > 0) return members;
  return members.map((member) => member.untold ? { ...member, unfit: null } : member);
}

/** A VIP that is to be taken, and who could take it, best first. */
interface Wanted {
  readonly vip: Ip;
  readonly candidates: readonly Member[];
  readonly now: number;
}

function phaseReason({ phase, doubt }: State): string | null {
  if (phase === "running") return null;
  if (phase !== "starting") return "this node is leaving";
  return doubt === null
    ? "this node is starting and listens first"
    : `this node waits for a peer's document: ${doubt.reason}`;
}

function heldReason(incumbent: Member | undefined): string | null {
  const yields = incumbent?.claim?.yielding === true;
  if (incumbent === undefined || yields) return null;
  return `${incumbent.name} holds it with epoch ${incumbent.claim?.epoch}`;
}

function decideHandedOver(state: State, from: Member, handed: Wanted & Context): Decision {
  const { vip, candidates: [best], now } = handed;
  if (best?.id !== state.self.id) return { act: "wait", reason: `${best?.name} is preferred` };
  if (isForAnother(state, from, handed)) {
    const reason = `${from.name} hands it over to a node that ${state.self.name} does not hear`;
    return { act: "wait", reason };
  }
  if (!isReady(state, state.invitedMs.get(vip), now)) {
    return { act: "prepare", reason: `${from.name} hands it over: making the table ready` };
  }
  return { act: "claim", reason: `${from.name} hands it over`, epoch: nextEpoch(state, vip) };
}

/**
 * Whether it is handed over to the target of an order alone. Who does not hear that node any more must not step in: the
 * holder may have heard it later, and keeps the VIP once it knows that it is dead. One that cannot keep it gives it to
 * anybody; and to this node, if it is to have it back.
 */
function isForAnother(state: State, from: Member, { vip, members, target }: Context): boolean {
  const keeps = !from.leaving && from.unfit === null && !givesVipsAway(state, from.id);
  const { id } = state.self;
  return target !== null && target !== id && keeps && failbackTarget(state, vip, members) !== id;
}

function decideUnheld(state: State, wanted: Wanted): Decision {
  const { vip, candidates: [best], now } = wanted;
  const obstacle = quorumWait(state, vip, now) ?? unknownToPeers(state, vip, now);
  // Whoever is preferred may hear a holder that this node does not hear.
  const isFree = obstacle === null && !isToldHeld(state, vip, now);
  const isPassedOver = isFree && isOverdue(state, wanted);
  if (best !== undefined && best.id !== state.self.id && !isPassedOver) {
    const yet = best.untold ? ", and has not said yet that it knows the VIP" : "";
    const reason = `${best.name} is preferred${yet}`;
    return { act: "wait", reason, ...(isFree ? { awaits: best.id } : {}) };
  }
  const epoch = nextEpoch(state, vip);
  const invitedMs = state.invitedMs.get(vip);
  if (invitedMs !== undefined && now - invitedMs < READY_MS_MAX) {
    return { act: "claim", reason: "its holder has let it go for this node", epoch };
  }
  if (obstacle !== null) return { act: "wait", reason: obstacle };
  return decideByWitness(state, { vip, now, epoch });
}

/**
 * Whether whoever is preferred has been waited for long enough. It may know better than this node that it cannot hold the
 * VIP, and wait for this one: news does not always find its way. The third waits for the second, too.
 */
function isOverdue({ awaited, self }: State, { vip, candidates, now }: Wanted): boolean {
  const waits = awaited.get(vip);
  const place = candidates.findIndex(({ id }) => id === self.id);
  if (waits === undefined || place < 1 || waits.id !== candidates[0]?.id) return false;
  const apartMs = compareText(self.id, waits.id) < 0 ? 0 : AWAITED_APART_MS;
  return now - waits.sinceMs >= place * AWAITED_MS_MAX + apartMs;
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
  if (!fresh) {
    return { act: "ask", reason: "asking the LAN whether anybody still answers for it" };
  }
  const canAnswer = free.now - witness.lastAskedMs < WITNESS_ANSWER_MS;
  if (witness.asks < WITNESS_ASKS_MIN || canAnswer) {
    const who = witness.mac === null
      ? "waiting for answers from the LAN"
      : `${witness.mac} still answers for it`;
    return { act: "ask", reason: who };
  }
  return {
    act: "claim",
    reason: "no live node holds it and nobody answers for it",
    epoch: free.epoch,
  };
}
