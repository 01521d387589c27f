/**
 * Rejects pulses that were seen before. Per sender and path, boots must grow, and sequences within a boot; a late
 * datagram that another has overtaken is rejected too, because what it says is no longer true. A boot that was
 * heard goes on beside a higher one: with two machines of one identity, the first one must not fall silent.
 */
import type { NodeId } from "../../core/document/document.ts";
import { NODE_PATHS_MAX, NODES_MAX } from "../../core/limits.ts";

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
  /** Sequences by sender, path and boot; and the highest boot by sender and path. */
  const sequences = new Map<string, number>();
  const boots = new Map<string, number>();
  return {
    accept({ from, boot, sequence }, path) {
      const sender = `${from} ${path}`;
      const run = `${sender} ${boot}`;
      const last = sequences.get(run) ?? (boot > (boots.get(sender) ?? -1) ? -1 : Infinity);
      if (sequence <= last) return false;
      remember(sequences, run, sequence);
      remember(boots, sender, Math.max(boot, boots.get(sender) ?? 0));
      return true;
    },
  };
}

/** Sets the entry as the newest one; beyond the limit the oldest goes. */
function remember(entries: Map<string, number>, key: string, value: number): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size <= ENTRIES_MAX) return;
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    return;
  }
}
