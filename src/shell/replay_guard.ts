/**
 * Rejects pulses that were seen before. Per sender and path, boot and sequence must grow; a late datagram
 * that another has overtaken is rejected too, because what it says is no longer true.
 */
import type { NodeId } from "../core/document.ts";
import { NODE_PATHS_MAX, NODES_MAX } from "../core/limits.ts";

/** Senders and paths remembered. Only members get this far, so a full table means more nodes than allowed. */
const ENTRIES_MAX = NODES_MAX * NODE_PATHS_MAX;

/** See the head of this file. */
export interface ReplayGuard {
  /** Whether the pulse is new; remembers it when it is. `path`: own address it arrived at. */
  accept(pulse: PulseNumber, path: string): boolean;
}

/** What orders the pulses of one sender. */
export interface PulseNumber {
  readonly from: NodeId;
  readonly boot: number;
  readonly sequence: number;
}

/** Makes a guard that has seen nothing. */
export function createReplayGuard(): ReplayGuard {
  const latest = new Map<string, PulseNumber>();
  return {
    accept(pulse, path) {
      const key = `${pulse.from} ${path}`;
      const last = latest.get(key);
      if (last !== undefined && !isLater(pulse, last)) return false;
      latest.delete(key);
      latest.set(key, { from: pulse.from, boot: pulse.boot, sequence: pulse.sequence });
      if (latest.size > ENTRIES_MAX) forgetOldest(latest);
      return true;
    },
  };
}

function isLater(a: PulseNumber, b: PulseNumber): boolean {
  return a.boot !== b.boot ? a.boot > b.boot : a.sequence > b.sequence;
}

function forgetOldest(latest: Map<string, PulseNumber>): void {
  for (const key of latest.keys()) {
    latest.delete(key);
    return;
  }
}
