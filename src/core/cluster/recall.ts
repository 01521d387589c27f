/**
 * What a node knows from an earlier run, and what it does about what it should know and lost.
 *
 * A document of which a part is lost must do no harm: what it lacks looks like something that operators removed. So such a
 * node stays in its starting phase, and its agent touches nothing, until a running peer has the same document as it has
 * itself, or it has waited long enough. Nobody to wait for: it goes on at once with what is left.
 */
import type { Ip } from "../address.ts";
import { isPresent } from "./liveness.ts";
import type { State } from "../state.ts";
import { noteEpoch } from "../step_peers.ts";

/** Something an agent recalls when it starts, or learns about what it does not recall. */
export type RecallFact =
  /** A part of the document was lost; a better one is waited for so long, ms. */
  | { readonly kind: "doubt"; readonly reason: string; readonly waitMs: number }
  /** A running peer has the very document this node has. */
  | { readonly kind: "documentConfirmed" }
  /** The highest epochs an earlier run saw, and what they may have been at most, if they are lost. */
  | { readonly kind: "epochs"; readonly seen: ReadonlyMap<Ip, number>; readonly floor: number };

/** Folds it into the state. */
export function recall(state: State, fact: RecallFact, now: number): void {
  switch (fact.kind) {
    case "doubt":
      state.doubt = { reason: fact.reason, untilMs: now + fact.waitMs };
      return;
    case "documentConfirmed":
      state.doubt = null;
      return;
    case "epochs":
      for (const [vip, epoch] of fact.seen) noteEpoch(state, vip, epoch);
      state.epochFloor = fact.floor;
  }
}

/** Ends a doubt whose time is over; true when it did. */
export function endDoubt(state: State, now: number): boolean {
  if (state.doubt === null || now < state.doubt.untilMs) return false;
  state.doubt = null;
  return true;
}

/**
 * Whether a peer that runs, and is not in doubt itself, has a document with this digest. A document without a VIP is no
 * proof: a node that has just joined has such a one, too.
 */
export function isConfirmed(state: State, digest: string): boolean {
  if (state.vips.length === 0) return false;
  return [...state.peers.values()].some((peer) =>
    peer.record.document === digest && peer.life.heardMs > -Infinity && !peer.life.starting &&
    isPresent(peer)
  );
}

/**
 * The floor of epochs for a node that lost the ones it saw: minutes since 1970. Epochs grow by takeovers, of which there
 * is not one a minute, so whatever it was, it was less; and there is room for some thousand years.
 */
export function epochFloor(wallMs: number): number {
  return Math.floor(wallMs / 60_000);
}
