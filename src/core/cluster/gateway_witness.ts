/**
 * The gateway witness: whether this node still has its public network.
 *
 * Who does not answer may be dead, or this node may be cut off: its own cable cannot tell the two apart, a third
 * party can. So a node asks its default gateway (or the addresses in `witness`) over the LAN whether it is there:
 * slowly while it answers, fast when it does not or when a peer has doubts, so that all compare the same moment.
 *
 * - The witness is silent here and answers a director that could take the VIP: this node is cut off, and hands over.
 * - It is silent here, and all other nodes fell silent at the same time: this node is alone, and lets go.
 * - It is silent for everybody that can be heard: the gateway itself is dead, and nothing moves.
 * - Nobody else was there anyway: this node keeps what it has.
 *
 * Unfit by its witness is only who has a better successor, so that never all are. A witness counts once it has
 * answered in this run of the agent, and again only when it has answered for a while after a silence.
 */
import type { Ip } from "../address.ts";
import { isPresent, leavesUnanswered } from "./liveness.ts";
import type { Peer, State } from "../state.ts";
import {
  type GatewayWitness,
  newGatewayWitness,
  type WitnessView,
} from "../state/gateway_witness.ts";
import {
  GATEWAY_ASK_MS,
  GATEWAY_BACK_MISSES,
  GATEWAY_COMPARE_MS,
  GATEWAY_FALL_ASKS,
  GATEWAY_FAST_MS,
  GATEWAY_FRESH_MS,
  GATEWAY_RISE_MS,
  GATEWAY_SILENT_ASK_MS,
  GATEWAY_TOGETHER_MS,
} from "../timing.ts";
import { groupOf } from "../document/vip.ts";

/** Facts about the witness. */
export type WitnessFact =
  /** Who is to be asked. */
  | { readonly kind: "witnesses"; readonly addresses: readonly Ip[] }
  /** They were asked, all at once. */
  | { readonly kind: "witnessAsked" };

/** Unanswered questions after which others are told of a doubt: one is lost now and then. */
const DOUBT_ASKS = 2;

/** Folds a fact into the state. */
export function onWitnessFact(state: State, fact: WitnessFact, now: number): void {
  const { gateway } = state;
  if (fact.kind === "witnesses") {
    if (fact.addresses.join() === gateway.addresses.join()) return;
    Object.assign(gateway, newGatewayWitness(fact.addresses));
    return;
  }
  gateway.askedMs = now;
  gateway.unanswered++;
}

/** Somebody answered for an address; another one than a witness means nothing here. */
export function noteWitnessAnswer(state: State, address: Ip, now: number): void {
  const { gateway } = state;
  if (!gateway.addresses.includes(address)) return;
  gateway.answeredMs = now;
  gateway.unanswered = 0;
  if (gateway.silentMs !== null) gateway.backMs ??= now;
}

/** Who is to be asked: a VIP or a node of this cluster is no third party. */
export function witnessAddresses(state: State): Ip[] {
  const nodes = [state.self, ...[...state.peers.values()].map(({ record }) => record)];
  const own = new Set(nodes.flatMap(({ paths }) => paths.map(({ address }) => address)));
  return state.gateway.addresses.filter((ip) => !own.has(ip) && !state.vips.includes(ip));
}

/** Whether the witness is to be asked now. */
export function witnessAskDue(state: State, now: number): boolean {
  const isDue = now - state.gateway.askedMs >= askIntervalMs(state, now);
  return isDue && witnessAddresses(state).length > 0;
}

function askIntervalMs(state: State, now: number): number {
  const { gateway } = state;
  if (gateway.answeredMs === -Infinity) return GATEWAY_ASK_MS;
  if (gateway.silentMs !== null) return GATEWAY_SILENT_ASK_MS;
  if (gateway.unanswered > 0) return GATEWAY_FAST_MS;
  const prompted = now - gateway.answeredMs >= GATEWAY_FRESH_MS && isPrompted(state);
  return prompted ? GATEWAY_FAST_MS : GATEWAY_ASK_MS;
}

/** A peer has doubts about its witness, or is heard on every path but the public one. */
function isPrompted(state: State): boolean {
  const publicPath = state.self.paths[0].interface;
  return [...state.peers.values()].some((peer) => {
    if (!isPresent(peer)) return false;
    const { witness, heardMs, heardOn } = peer.life;
    const heardHereMs = heardOn.get(publicPath) ?? heardMs;
    const elsewhere = heardMs - heardHereMs >= state.self.deadMs;
    return witness === "doubt" || witness === "silent" || elsewhere;
  });
}

/** Whether an answer is waited for: the loop then turns faster. */
export function awaitsWitness({ gateway }: State): boolean {
  return gateway.unanswered > 0 && gateway.view !== "none" && gateway.silentMs === null;
}

/**
 * A node that was paused missed answers, and counts them as come: pulses that waited for it it hears now, too, and so the two
 * have fallen silent at one time if nothing follows.
 */
export function forgiveSilence({ gateway }: State, now: number): void {
  if (gateway.silentMs !== null || gateway.answeredMs === -Infinity) return;
  gateway.unanswered = 0;
  gateway.answeredMs = now;
}

/** What is known at `now`; true when others must be told. */
export function judgeWitness(state: State, now: number): boolean {
  const { gateway } = state;
  const { view, verdict } = gateway;
  noteSilence(state, now);
  gateway.view = viewOf(gateway);
  gateway.verdict = verdictOf(state, now);
  return view !== gateway.view || verdict !== gateway.verdict;
}

function noteSilence({ gateway }: State, now: number): void {
  const ignored = gateway.unanswered >= GATEWAY_FALL_ASKS &&
    now - gateway.askedMs >= GATEWAY_FAST_MS;
  if (gateway.silentMs === null) {
    if (!ignored || gateway.answeredMs === -Infinity) return;
    gateway.silentMs = now;
  } else if (gateway.unanswered >= GATEWAY_BACK_MISSES) {
    gateway.backMs = null;
  } else if (gateway.backMs !== null && now - gateway.backMs >= GATEWAY_RISE_MS) {
    gateway.silentMs = null;
    gateway.backMs = null;
  }
  if (gateway.silentMs === null) gateway.contrastMs = null;
}

function viewOf({ answeredMs, silentMs, unanswered }: GatewayWitness): WitnessView {
  if (answeredMs === -Infinity) return "none";
  if (silentMs !== null) return "silent";
  return unanswered >= DOUBT_ASKS ? "doubt" : "answers";
}

function verdictOf(state: State, now: number): GatewayWitness["verdict"] {
  const { gateway } = state;
  if (gateway.silentMs === null) return null;
  const present = [...state.peers.values()]
    .filter((peer) => isPresent(peer) && !leavesUnanswered(state, peer, now));
  if (present.length === 0) {
    gateway.contrastMs = null;
    return gateway.backMs === null && fellSilentTogether(state) ? "alone" : null;
  }
  const before = gateway.verdict === "cut" ? "cut" : null;
  // While it returns nothing new is concluded: it does not return to all in the same moment.
  if (gateway.backMs !== null) return before;
  const views = present.filter(({ record }) => record.director).map(({ life }) => life.witness);
  if (!views.includes("answers")) {
    gateway.contrastMs = null;
    return views.includes("doubt") ? before : null;
  }
  // Others may be about to notice the same.
  gateway.contrastMs ??= now;
  return now - gateway.contrastMs >= GATEWAY_COMPARE_MS ? "cut" : before;
}

/**
 * Whether the other nodes were last heard on the public network when the witness was: then it is this node that lost
 * it. Nodes that died long before say nothing, nor do nodes that lived on after the gateway had died.
 */
function fellSilentTogether(state: State): boolean {
  const publicPath = state.self.paths[0].interface;
  const heardMs = [...state.peers.values()].filter(({ life }) => life.state !== "left")
    .map(({ life }) => life.heardOn.get(publicPath) ?? -Infinity);
  return Math.abs(Math.max(-Infinity, ...heardMs) - state.gateway.answeredMs) <=
    GATEWAY_TOGETHER_MS;
}

/** Why this node should not hold the VIP, by its witness; null when nothing speaks against it. */
export function witnessUnfit(state: State, vip: Ip): string | null {
  const { gateway, self } = state;
  if (gateway.verdict === null) return null;
  if (state.placements.get(vip)?.interface !== self.paths[0].interface) return null;
  const who = witnessAddresses(state).join(", ");
  if (gateway.verdict === "alone") {
    return `cut off: neither the gateway witness ${who} nor any other node is heard`;
  }
  const better = [...state.peers.values()].find((peer) => isBetter(state, peer, vip));
  return better === undefined
    ? null
    : `cut off: the gateway witness ${who} answers ${better.record.name}, but not this node`;
}

/** What this node's witness says as to a VIP: "none" when that is elsewhere. */
export function ownWitness({ gateway, placements, self }: State, vip: Ip): WitnessView {
  return placements.get(vip)?.interface === self.paths[0].interface ? gateway.view : "none";
}

/**
 * What a peer's witness says as to a VIP, by its pulses: its record may be stale, because gossip does not always find
 * another way around a network that is down. Who leaves questions unanswered is perhaps dead, and shows nobody a better way.
 */
export function peerWitness(state: State, peer: Peer, vip: Ip): WitnessView {
  const { placements, self } = state;
  if (placements.get(vip)?.interface !== self.paths[0].interface) return "none";
  const { witness } = peer.life;
  const isDoubtful = witness === "answers" && leavesUnanswered(state, peer, state.lastTickMs);
  return isDoubtful ? "none" : witness;
}

/** Whether a peer has its witness and could hold the VIP. */
function isBetter(state: State, peer: Peer, vip: Ip): boolean {
  const { record, life } = peer;
  if (!isPresent(peer) || life.witness !== "answers") return false;
  const serves = record.director && record.phase === "running" && !life.leaving && !life.starting;
  return serves && groupOf(vip, state.document.vips).every((one) => record.vips[one] === null);
}

/** The witness in words, for people. */
export function witnessWords(state: State, now: number): string {
  const { gateway, self } = state;
  if (self.witness === "off") return "off";
  const who = witnessAddresses(state).join(", ");
  if (who === "") return `none: ${self.paths[0].interface} has no default gateway to ask`;
  if (gateway.answeredMs === -Infinity) return `${who} has not answered yet, and does not count`;
  if (gateway.silentMs === null) return `${who} answers`;
  const seconds = Math.round((now - gateway.answeredMs) / 1_000);
  if (gateway.backMs !== null) return `${who} answers again, which is watched for a while`;
  const means = {
    cut: "it answers others: this node is cut off its public network",
    alone: "no other node is heard: this node is cut off",
  };
  return `${who} is silent for ${seconds} s; ${
    gateway.verdict === null
      ? "it answers nobody else that is heard: nothing moves"
      : means[gateway.verdict]
  }`;
}
