/**
 * Who gets a pulse from this node, and how often.
 *
 * The fast beat is only for those whose speed matters: a holder pulses to every director, because one of
 * them must notice its death; a real server pulses to holders, because they must stop sending it clients.
 * Everybody else gets the slow beat, so the cost grows with holders times nodes, not with nodes squared.
 */
import type { Ip } from "../address.ts";
import type { Claim, Pulse } from "./pulse.ts";
import type { Peer, State } from "../state.ts";
import { FUNNEL_MS, PRESSING_TICK_MS, SLOW_PULSE_MS, SUSPECT_ASKS } from "../timing.ts";

/** The time between two pulses to this peer, ms. */
export function pulseIntervalMs(state: State, peer: Peer): number {
  const holds = state.holds.size > 0;
  const peerHolds = peer.life.claims.size > 0;
  const urgent = state.phase !== "running" ||
    (holds && (peer.record.director || peer.record.realServer)) ||
    (peerHolds && (state.self.realServer || state.self.director)) ||
    // A holder lets go when it does not hear a majority, whatever those nodes are.
    (state.quorum !== null && (holds || peerHolds || state.quorum.wanting));
  return urgent ? state.self.pulseMs : Math.max(SLOW_PULSE_MS, state.self.pulseMs);
}

/**
 * The time until the next pulse is due to this peer, ms. One that has fallen silent is asked again and again until it
 * is heard or dead: lost datagrams look like a death, and questions in quick succession tell the two apart.
 */
export function dueIntervalMs(state: State, peer: Peer): number {
  const intervalMs = pulseIntervalMs(state, peer);
  const silent = peer.life.state === "suspect" && peer.life.heardMs > -Infinity;
  return silent ? Math.max(PRESSING_TICK_MS, intervalMs / SUSPECT_ASKS) : intervalMs;
}

/** This node's claims at `now`, as pulses and records tell them. */
export function claimsOf(state: State, now: number): Map<Ip, Claim> {
  const claims = new Map<Ip, Claim>();
  for (const [vip, hold] of state.holds) {
    // A claim is told until the table is local-only: only then may the successor forward clients here.
    if (hold.phase === "lingering") continue;
    // Who let go because another holds it invites nobody: a third node may not have heard of that one yet.
    const yielding = (hold.phase === "settling" && !hold.lost) || isYielding(hold.funnelMs, now);
    claims.set(vip, { epoch: hold.epoch, yielding });
  }
  return claims;
}

function isYielding(funnelMs: number | null, now: number): boolean {
  return funnelMs !== null && now - funnelMs >= FUNNEL_MS;
}

/** The pulse for one peer. `ask`: it is to be answered at once. */
export function pulseFor(
  state: State,
  peer: Peer,
  options: { readonly now: number; readonly sequence: number; readonly ask: boolean },
): Pulse {
  return {
    from: state.self.id,
    to: peer.record.id,
    boot: state.self.boot,
    sequence: options.sequence,
    echo: peer.life.boot,
    intervalMs: pulseIntervalMs(state, peer),
    leaving: state.phase === "leaving" || state.phase === "stopped",
    ask: options.ask,
    starting: state.phase === "starting",
    deaf: peer.life.state === "dead",
    witness: state.gateway.view,
    claims: claimsOf(state, options.now),
  };
}
