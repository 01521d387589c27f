/**
 * What is known of a node by gossip only: others hear it still, and pass on what it says.
 */
import type { Ip } from "../address.ts";
import type { Peer, State } from "../state.ts";
import { isPresent } from "./liveness.ts";
import { recordPeriodMs } from "./record_pace.ts";

/** Records that may be missing before what the last one said counts no more. */
const MISSED_RECORDS_MAX = 1;

/** Until when the next record of a peer is due that claimed the VIP by its last, ms; -Infinity for one that did not. */
export function claimToldMs({ peers }: State, { record, toldMs }: Peer, vip: Ip): number {
  return record.claims[vip] === undefined ? -Infinity : toldMs + recordPeriodMs(peers.size + 1);
}

/** Whether a node that this one does not hear says that it holds the VIP. */
export function isToldHeld(state: State, vip: Ip, now: number): boolean {
  const patienceMs = MISSED_RECORDS_MAX * recordPeriodMs(state.peers.size + 1);
  return [...state.peers.values()].some((peer) =>
    !isPresent(peer) && now <= claimToldMs(state, peer, vip) + patienceMs
  );
}
