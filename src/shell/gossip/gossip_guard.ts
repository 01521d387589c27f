/**
 * Holds back what a peer sends too much of before gossipsub looks at it: checking the signature of one message costs
 * more than a thousand comparisons.
 */
import type { PeerId } from "@libp2p/interface";
import type { PeerBudgets } from "./peer_budgets.ts";

/** One call from a peer, as far as it is looked at. */
interface Rpc {
  messages?: { readonly data?: Uint8Array }[];
  control?: unknown;
}

/** The method of gossipsub's class (17.1.1) that is put behind the guard. */
interface Receiving {
  handleReceivedRpc(from: PeerId, rpc: Rpc): Promise<void>;
}

/**
 * Puts the guard in front of a gossipsub that has not started. Who is over its budget is handed to `onExcess`, which
 * may cut it off; the call is forgotten.
 */
export function guardGossip(
  pubsub: object,
  { budgets, onExcess }: {
    readonly budgets: PeerBudgets;
    readonly onExcess: (peer: PeerId) => void;
  },
): void {
  const guarded = pubsub as Partial<Receiving>;
  const handle = guarded.handleReceivedRpc;
  if (typeof handle !== "function") {
    throw new TypeError("guard gossip: the library takes calls in another way now");
  }
  guarded.handleReceivedRpc = async function (from, rpc) {
    if (withinBudget(budgets, from.toString(), rpc)) return await handle.call(this, from, rpc);
    onExcess(from);
  };
}

function withinBudget(budgets: PeerBudgets, peer: string, rpc: Rpc): boolean {
  const messages = rpc.messages ?? [];
  const bytes = messages.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  // Control messages make the other side look things up and answer: as much work as a message.
  const count = messages.length + (rpc.control === undefined || rpc.control === null ? 0 : 1);
  return budgets.take(peer, "messages", Math.max(1, count)) && budgets.take(peer, "bytes", bytes);
}

/** Time for which a peer that would not stop has no connection, ms. Its pulses count all the while. */
export const QUARANTINE_MS = 30_000;

/** Peers that are kept away for a while. */
export interface Quarantine {
  add(peer: string): void;
  has(peer: string): boolean;
}

/** Makes an empty one. `now`: monotonic ms. */
export function createQuarantine(now: () => number = () => performance.now()): Quarantine {
  const untilMs = new Map<string, number>();
  return {
    add(peer) {
      for (const [other, end] of untilMs) if (end <= now()) untilMs.delete(other);
      untilMs.set(peer, now() + QUARANTINE_MS);
    },
    has: (peer) => (untilMs.get(peer) ?? -Infinity) > now(),
  };
}
