/**
 * A node's replica of the cluster document, as the simulator needs it: the product's port, and who is told of changes.
 */
import type { DocumentStore } from "../../src/ports.ts";

/** See the head of this file. */
export interface Replica extends DocumentStore {
  /** The document has changed. Set by the cluster. */
  onChange: () => void;
}
