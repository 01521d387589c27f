/**
 * A node's replica as the product keeps it: the real document store on the machine's simulated disk, opened anew by
 * every run of the agent.
 */
import {
  type ClusterDocument,
  type Edit,
  EMPTY_DOCUMENT,
  type NodeId,
} from "../../src/core/document/document.ts";
import type { EditOptions, EditReceipt } from "../../src/core/document/document_orders.ts";
import type { HistoryEntry } from "../../src/core/document/history.ts";
import type { DocumentNetwork } from "../../src/shell/document/document_network.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../src/shell/document/document_store.ts";
import type { StateFolder } from "../../src/shell/files/state_folder.ts";
import type { Timers } from "../../src/shell/process/timers.ts";
import type { Replica } from "./replica.ts";

/** What one run of the agent opens its replica with. */
export interface ReplicaRun {
  readonly folder: StateFolder;
  readonly network: DocumentNetwork;
  readonly timers: Timers;
  readonly wallMs: () => number;
  /** Whether this run has not ended. */
  readonly alive: () => boolean;
}

/** See the head of this file. Between two runs it shows what the last one knew. */
export class DiskReplica implements Replica {
  onChange: () => void = () => {};
  #store: OpenDocumentStore | null = null;

  /** Opens what is on the disk. Throws a Refusal when that cannot be read. */
  open({ alive, ...options }: ReplicaRun): void {
    this.#store = openDocumentStore({
      ...options,
      onChange: () => {
        if (alive()) this.onChange();
      },
    });
  }

  get lost(): string | null {
    return this.#store?.lost ?? null;
  }

  current(): ClusterDocument {
    return this.#store?.current() ?? EMPTY_DOCUMENT;
  }

  digest(): string {
    return this.#store?.digest() ?? "";
  }

  edit(edits: readonly Edit[], options?: EditOptions): Promise<EditReceipt> {
    return this.#opened().edit(edits, options);
  }

  history(): readonly HistoryEntry[] {
    return this.#opened().history();
  }

  synchronize(peer: NodeId): Promise<void> {
    return this.#opened().synchronize(peer);
  }

  close(): Promise<void> {
    return this.#opened().close();
  }

  #opened(): OpenDocumentStore {
    if (this.#store === null) throw new Error("no agent has opened the document yet");
    return this.#store;
  }
}
