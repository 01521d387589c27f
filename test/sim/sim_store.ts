/**
 * A replicated document for simulations: every entry carries a counter and its writer, the higher pair
 * wins. It lives on the simulated disk, so it survives the agent.
 */
import {
  type ClusterDocument,
  type Edit,
  EMPTY_DOCUMENT,
  type Move,
  type NodeEntry,
  type NodeId,
} from "../../src/core/document.ts";
import { type ServerEntry, type ServerKey, serverKey } from "../../src/core/server.ts";
import { type Service, type ServiceKey, serviceKey } from "../../src/core/service.ts";
import { isSettingName } from "../../src/core/settings.ts";
import type { VipEntry } from "../../src/core/vip.ts";
import type { DocumentStore } from "../../src/ports.ts";

/** Parts that are kept as they are read: one map, entries by key. */
type Part = Exclude<keyof ClusterDocument, "servers">;

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
      for (const [key, value] of this.#keyed(edit)) {
        const count = (this.entries.get(key)?.count ?? 0) + 1;
        this.entries.set(key, { count, writer: this.id, value });
      }
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
    const part = <P extends Part>(name: P) =>
      new Map<string, ClusterDocument[P] extends ReadonlyMap<string, infer Value> ? Value : never>(
        [...this.entries].filter(([key, entry]) =>
          key.startsWith(`${name} `) && entry.value !== null
        ).map(([key, entry]) => [key.slice(name.length + 1), entry.value as never]),
      );
    const services = part("services");
    const servers = new Map<ServiceKey, Map<ServerKey, ServerEntry>>();
    for (const [key, entry] of this.entries) {
      if (!key.startsWith("servers ") || entry.value === null) continue;
      const server = entry.value as ServerEntry;
      // What another node has said of a server while its service was removed is not part of the content.
      if (!services.has(server.service)) continue;
      const known = servers.get(server.service) ?? new Map<ServerKey, ServerEntry>();
      servers.set(server.service, known.set(serverKey(server), server));
    }
    this.#current = {
      services,
      servers,
      vips: part("vips"),
      settings: part("settings") as ReadonlyMap<SettingName, string>,
      moves: part("moves"),
      nodes: part("nodes"),
    };
    this.onChange();
  }

  /** The entries an edit sets; null: removed. */
  #keyed(edit: Edit): [string, unknown][] {
    switch (edit.kind) {
      case "putService":
        return [[`services ${serviceKey(edit.service)}`, edit.service]];
      case "removeService":
        return [
          [`services ${edit.key}`, null],
          ...[...this.entries.keys()].filter((key) => key.startsWith(`servers ${edit.key}|`))
            .map((key): [string, unknown] => [key, null]),
        ];
      case "putServer":
        return [[`servers ${serverKey(edit.server)}`, edit.server]];
      case "removeServer":
        return [[`servers ${edit.key}`, null]];
      case "putVip":
        return [[`vips ${edit.vip.address}`, edit.vip]];
      case "removeVip":
        return [[`vips ${edit.address}`, null]];
      case "putSetting":
        return [[`settings ${edit.name}`, edit.value]];
      case "removeSetting":
        return [[`settings ${edit.name}`, null]];
      case "putMove":
        return [[`moves ${edit.move.vip}`, edit.move]];
      case "putNode":
        return [[`nodes ${edit.id}`, edit.entry]];
    }
  }
}
