/**
 * Room for nodes nobody knew: a buggy peer may tell of more of them than a cluster can have, and each costs memory,
 * pulses and dials for ever.
 */
import type { Ip } from "../address.ts";
import { NODES_MAX, VIPS_MAX } from "../limits.ts";
import type { Peer, State } from "../state.ts";
import { noteWarning } from "./notes.ts";

/** Time in which a node of which a record came is heard by pulse, ms, if it is there at all. */
const HEARD_WITHIN_MS = 60_000;
/** VIPs whose epochs are remembered: those of the document, and some it will have when it has arrived. */
const EPOCHS_MAX = 4 * VIPS_MAX;

/** Makes room for one more peer: of those that left, or never were heard, the one met first goes. False when there is none. */
export function makeRoom(state: State, now: number): boolean {
  if (state.peers.size < NODES_MAX - 1) return true;
  const spare = [...state.peers.values()]
    .filter((peer) => isSpare(peer, now))
    .sort((a, b) => a.life.metMs - b.life.metMs)[0];
  if (spare !== undefined) {
    state.peers.delete(spare.record.id);
    state.unanswered.delete(spare.record.id);
    return true;
  }
  const text = `there are more than ${NODES_MAX} nodes: further ones are not taken; ` +
    "remove those that are gone for good with `troop forget NODE`";
  noteWarning(state, { key: "nodes", text }, now);
  return false;
}

function isSpare({ life }: Peer, now: number): boolean {
  return life.state === "left" ||
    (life.heardMs === -Infinity && now - life.metMs > HEARD_WITHIN_MS);
}

/** Whether the epoch of a VIP is worth remembering: of one that is in the document, or may come into it. */
export function isWorthAnEpoch(state: State, vip: Ip): boolean {
  return state.epochs.size < EPOCHS_MAX || state.epochs.has(vip) || state.vips.includes(vip);
}
