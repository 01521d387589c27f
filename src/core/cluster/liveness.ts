/**
 * Whether a peer lives, from its pulses alone.
 *
 * Silence counts from the last pulse, but never from before this node itself was listening: a node
 * that was paused would otherwise declare the whole world dead. A peer whose gossip connection closed
 * is asked directly and has a shorter time to answer, because a killed process closes its connections
 * at once while a busy one does not.
 */
import type { Ip } from "../address.ts";
import type { Hold, LifeState, Peer, State } from "../state.ts";
import { ASK_ANSWER_MS, MISSED_PULSES_MAX, SUSPECT_SHARE, UNANSWERED_MS } from "../timing.ts";

/** How a peer is, and the reason in words. */
export interface LifeVerdict {
  readonly state: LifeState;
  readonly reason: string;
}

/** Judges one peer at `now`. */
export function judgeLife(state: State, peer: Peer, now: number): LifeVerdict {
  const { life, record } = peer;
  // A record of an earlier run says nothing of one that pulses: gossip may take its time.
  const stopped = record.phase === "left" && life.boot <= record.boot;
  if (state.document.nodes.get(record.id)?.left || stopped) {
    return { state: "left", reason: "left the cluster" };
  }
  const deadMs = deadAfterMs(state, peer);
  const silentMs = silenceMs(state, peer, now);
  const stillDead = life.diedMs > Math.max(life.heardMs, life.metMs);
  if (silentMs >= deadMs || stillDead) {
    return { state: "dead", reason: silenceReason(life.heardMs, now) };
  }
  if (life.askedMs !== null && now - Math.max(life.askedMs, state.trustedFromMs) >= ASK_ANSWER_MS) {
    return { state: "dead", reason: "was asked whether it lives, and does not answer" };
  }
  if (life.askedMs !== null) return { state: "suspect", reason: "is asked whether it lives" };
  if (life.heardMs === -Infinity) return { state: "suspect", reason: "no pulse heard yet" };
  if (silentMs >= deadMs * SUSPECT_SHARE) {
    return { state: "suspect", reason: silenceReason(life.heardMs, now) };
  }
  return { state: "alive", reason: "pulses arrive" };
}

/** The silence that means death, ms. */
function deadAfterMs({ self }: State, { life }: Peer): number {
  return Math.max(self.deadMs, MISSED_PULSES_MAX * life.promisedMs);
}

function silenceMs({ trustedFromMs }: State, { life }: Peer, now: number): number {
  return now - Math.max(life.heardMs, life.metMs, trustedFromMs);
}

/**
 * Whether a peer that is not dead has not answered this node's questions. On the slow beat silence takes seconds to mean
 * death; who asks whether anybody is there at all need not wait so long.
 */
export function leavesUnanswered(state: State, peer: Peer, now: number): boolean {
  return silenceMs(state, peer, now) >= deadAfterMs(state, peer) * SUSPECT_SHARE + UNANSWERED_MS;
}

function silenceReason(heardMs: number, now: number): string {
  return heardMs === -Infinity ? "no pulse heard" : `no pulse for ${Math.round(now - heardMs)} ms`;
}

/** Whether a VIP may be another's since this node was paused: it has not renewed it since, nor had the time to hear everybody. */
export function mayHaveLost({ trustedFromMs, self }: State, hold: Hold, now: number): boolean {
  return hold.renewedMs < trustedFromMs && now - trustedFromMs < self.deadMs;
}

/** Whether the peer takes part: alive or only suspect. */
export function isPresent(peer: Peer): boolean {
  return peer.life.state === "alive" || peer.life.state === "suspect";
}

/** VIPs of the document that nobody is known to hold. */
export function freeVips({ vips, holds, peers }: State): Ip[] {
  const claimed = [...peers.values()].filter(isPresent).map(({ life }) => life.claims);
  return vips.filter((vip) => !holds.has(vip) && !claimed.some((claims) => claims.has(vip)));
}
