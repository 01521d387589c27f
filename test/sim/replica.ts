/**
 * A node's replica of the cluster document, as the simulator needs it: the product's port, and the wires to
 * other replicas, which the cluster lays.
 */
import type { NodeId } from "../../src/core/document/document.ts";
import type { DocumentStore } from "../../src/ports.ts";

/** See the head of this file. What replicas send each other is their own affair (`unknown` here). */
export interface Replica extends DocumentStore {
  /** Sends an update to everybody gossip reaches; how many that are. Set by the cluster. */
  broadcast: (update: unknown) => number;
  /** Asks a peer for what it has: its {@link Replica.offer} is merged later. Set by the cluster. */
  fetch: (peer: NodeId) => void;
  /** The document has changed. Set by the cluster. */
  onChange: () => void;
  /** What a peer that asks gets. */
  offer(): unknown;
  /** Takes what a peer sent. */
  merge(update: unknown): void;
}
