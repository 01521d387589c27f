/**
 * Rejects pulses that were seen before. Per sender, path and run, sequences must grow; a late datagram that another has
 * overtaken is rejected too, because what it says is no longer true. Which run of a sender is the present one is for the
 * core to say: here each is judged for itself, so that with two machines of one identity neither falls silent.
 */
import type { NodeId } from "../../core/document/document.ts";
import { NODE_PATHS_MAX, NODES_MAX } from "../../core/limits.ts";

/** Senders and paths remembered. Only members get this far, so a full table means more nodes than allowed. */
const SENDERS_MAX = NODES_MAX * NODE_PATHS_MAX;
/** Runs remembered of each: what one sender says is at nobody else's cost. */
export const RUNS_MAX = 32;

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
  /** Highest sequences by run, by sender and path. */
  const senders = new Map<string, Map<number, number>>();
  return {
    accept({ from, boot, sequence }, path) {
      const sender = `${from} ${path}`;
      const runs = senders.get(sender) ?? new Map<number, number>();
      if (sequence <= (runs.get(boot) ?? -1)) return false;
      remember(runs, { key: boot, value: sequence, max: RUNS_MAX });
      remember(senders, { key: sender, value: runs, max: SENDERS_MAX });
      return true;
    },
  };
}

/** Sets the entry as the newest one; beyond the limit the oldest goes. */
function remember<Key, Value>(
  entries: Map<Key, Value>,
  { key, value, max }: { readonly key: Key; readonly value: Value; readonly max: number },
): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size <= max) return;
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    return;
  }
}
