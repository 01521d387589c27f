/**
 * A replicated document for simulations: every entry carries a counter and its writer, the higher pair
 * wins. It lives on the simulated disk, so it survives the agent.
 */
import {
  type ClusterDocument,
  type Edit,
  EMPTY_DOCUMENT,
  type NodeId,
} from "../../src/core/document.ts";
import { serviceKey } from "../../src/core/service.ts";
import type { DocumentStore } from "../../src/ports.ts";

interface Entry {
  readonly count: number;
  readonly writer: NodeId;
  readonly value: unknown;
}

/** See the head of this file. */
export class SimStore implements DocumentStore {
  readonly id: NodeId;
  readonly entries = new Map<string, Entry>();
  /** Sends entries to every peer in reach; set by the cluster. */
  broadcast: () => number = () => 0;
  /** Asks a peer for its entries; set by the cluster. */
  fetch: (peer: NodeId) => void = () => {};
  onChange: () => void = () => {};
  #current: ClusterDocument = EMPTY_DOCUMENT;

  constructor(id: NodeId) {
    this.id = id;
  }

  current(): ClusterDocument {
    return this.#current;
  }

  digest(): string {
    return [...this.entries].map(([key, entry]) => `${key}=${entry.count}${entry.writer}`).sort()
      .join(";");
  }

  edit(edits: readonly Edit[]): Promise<{ sentTo: number }> {
    for (const edit of edits) {
      const [key, value] = keyed(edit);
      const count = (this.entries.get(key)?.count ?? 0) + 1;
      this.entries.set(key, { count, writer: this.id, value });
    }
    this.#changed();
    return Promise.resolve({ sentTo: this.broadcast() });
  }

  /** Takes a peer's entries. */
  merge(entries: ReadonlyMap<string, Entry>): void {
    let changed = false;
    for (const [key, entry] of entries) {
      const mine = this.entries.get(key);
      const newer = mine === undefined || entry.count > mine.count ||
        (entry.count === mine.count && entry.writer > mine.writer);
      if (!newer) continue;
      this.entries.set(key, entry);
      changed = true;
    }
    if (changed) this.#changed();
  }

  synchronize(peer: NodeId): Promise<void> {
    this.fetch(peer);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #changed(): void {
    const part = (name: string) =>
      new Map(
        [...this.entries].filter(([key, entry]) =>
          key.startsWith(`${name} `) && entry.value !== null
        )
          .map(([key, entry]) => [key.slice(name.length + 1), entry.value]),
      );
    this.#current = {
      services: part("services"),
      moves: part("moves"),
      nodes: part("nodes"),
    } as unknown as ClusterDocument;
    this.onChange();
  }
}

function keyed(edit: Edit): [string, unknown] {
  switch (edit.kind) {
    case "putService":
      return [`services ${serviceKey(edit.service)}`, edit.service];
    case "removeService":
      return [`services ${edit.key}`, null];
    case "putMove":
      return [`moves ${edit.move.vip}`, edit.move];
    case "putNode":
      return [`nodes ${edit.id}`, edit.entry];
  }
}
