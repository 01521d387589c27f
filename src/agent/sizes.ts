/**
 * How much an agent keeps in mind: the entries of every map and set of its state, so that one that only grows is seen.
 */
import type { State } from "../core/state.ts";

/** The sizes by the names of the fields; what is kept for each peer is added up. */
export function sizesOf(state: State): Record<string, number> {
  const sizes: Record<string, number> = {};
  count(sizes, "", state);
  for (const peer of state.peers.values()) {
    count(sizes, "peers.", peer);
    count(sizes, "peers.", peer.life);
  }
  return sizes;
}

function count(sizes: Record<string, number>, prefix: string, owner: object): void {
  for (const [name, value] of Object.entries(owner)) {
    if (!(value instanceof Map || value instanceof Set)) continue;
    sizes[prefix + name] = (sizes[prefix + name] ?? 0) + value.size;
  }
}
