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
} from "../../src/core/document/document.ts";
import { type Drain, drainKey } from "../../src/core/document/drain.ts";
import { type ServerEntry, type ServerKey, serverKey } from "../../src/core/service/server.ts";
import { type Service, type ServiceKey, serviceKey } from "../../src/core/service/service.ts";
import type { EditOptions, EditReceipt } from "../../src/core/document/document_orders.ts";
import { changesOf } from "../../src/core/document/edit_changes.ts";
import {
  byAge,
  type EditNote,
  type HistoryEntry,
  historyEntry,
  historyId,
} from "../../src/core/document/history.ts";
import { isSettingName } from "../../src/core/document/settings.ts";
import type { VipEntry } from "../../src/core/document/vip.ts";
import type { Replica } from "./replica.ts";

interface Entry {
  readonly count: number;
  readonly writer: NodeId;
  readonly value: unknown;
}

/** See the head of this file. */
export class SimStore implements Replica {
  readonly id: NodeId;
  lost: string | null = null;
  readonly entries = new Map<string, Entry>();
  /** Sends an update to everybody gossip reaches; how many that are. Set by the cluster. */
  broadcast: (update: unknown) => number = () => 0;
  /** Asks a peer for what it has: its {@link SimStore.offer} is merged later. Set by the cluster. */
  fetch: (peer: NodeId) => void = () => {};
  onChange: () => void = () => {};
  #current: ClusterDocument = EMPTY_DOCUMENT;
  /** Kept until something changes: it is asked for in every tick. */
  #digest: string | null = null;

  constructor(id: NodeId) {
    this.id = id;
  }

  current(): ClusterDocument {
    return this.#current;
  }

  digest(): string {
    return this.#digest ??= [...this.entries]
      .map(([key, entry]) => `${key}=${entry.count}${entry.writer}`).sort().join(";");
  }

  edit(edits: readonly Edit[], { base, note }: EditOptions = {}): Promise<EditReceipt> {
    if (base !== undefined && base !== this.digest()) throw new Error("another document");
    if (note !== undefined) this.#remember(edits, note);
    for (const edit of edits) {
      const [key, value] = keyed(edit);
      this.#set(key, value);
      if (edit.kind !== "removeService") continue;
      for (const known of this.#part<ServerEntry>("servers").keys()) {
        if (known.startsWith(`${edit.key}|`)) this.#set(`servers ${known}`, null);
      }
      for (const known of this.#part<Drain>("drains").keys()) {
        if (known.startsWith(`${edit.key}|`)) this.#set(`drains ${known}`, null);
      }
    }
    this.#changed();
    const sentTo = this.broadcast(this.offer());
    // Whoever is reached has it on its simulated disk.
    return Promise.resolve({
      sentTo,
      storedBy: (peers) => Promise.resolve(peers.slice(0, sentTo)),
    });
  }

  history(): readonly HistoryEntry[] {
    return [...this.#part<HistoryEntry>("history").values()].sort(byAge);
  }

  #remember(edits: readonly Edit[], note: EditNote): void {
    const sequence = (this.history()[0]?.sequence ?? 0) + 1;
    const entry = historyEntry(changesOf(this.#current, edits), note, { sequence, wallMs: 0 });
    if (entry !== null) this.#set(`history ${historyId(entry)}`, entry);
  }

  #set(key: string, value: unknown): void {
    const count = (this.entries.get(key)?.count ?? 0) + 1;
    this.entries.set(key, { count, writer: this.id, value });
  }

  /** What a peer that asks gets. */
  offer(): unknown {
    return new Map(this.entries);
  }

  /** Takes what a peer sent. */
  merge(update: unknown): void {
    let changed = false;
    for (const [key, entry] of update as ReadonlyMap<string, Entry>) {
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
    this.#digest = null;
    const services = this.#part<Service>("services");
    const servers = new Map<ServiceKey, Map<ServerKey, ServerEntry>>();
    for (const [key, entry] of this.#part<ServerEntry>("servers")) {
      // What another node has said of a server while its service was removed is not part of the content.
      if (!services.has(entry.service)) continue;
      const known = servers.get(entry.service) ?? new Map<ServerKey, ServerEntry>();
      servers.set(entry.service, known.set(key, entry));
    }
    const settings = this.#part<string>("settings");
    this.#current = {
      services,
      servers,
      vips: this.#part<VipEntry>("vips"),
      settings: new Map(
        [...settings].flatMap(([name, value]) =>
          isSettingName(name) ? [[name, value] as const] : []
        ),
      ),
      moves: this.#part<Move>("moves"),
      nodes: this.#part<NodeEntry>("nodes"),
      drains: this.#part<Drain>("drains"),
    };
    this.onChange();
  }

  #part<Value>(name: string): Map<string, Value> {
    const beginning = `${name} `;
    return new Map(
      [...this.entries]
        .filter(([key, { value }]) => key.startsWith(beginning) && value !== null)
        .map(([key, { value }]) => [key.slice(beginning.length), value as Value]),
    );
  }
}

function keyed(edit: Edit): [string, unknown] {
  switch (edit.kind) {
    case "putService":
      return [`services ${serviceKey(edit.service)}`, edit.service];
    case "removeService":
      return [`services ${edit.key}`, null];
    case "putServer":
      return [`servers ${serverKey(edit.server)}`, edit.server];
    case "removeServer":
      return [`servers ${edit.key}`, null];
    case "putVip":
      return [`vips ${edit.vip.address}`, edit.vip];
    case "removeVip":
      return [`vips ${edit.address}`, null];
    case "putSetting":
      return [`settings ${edit.name}`, edit.value];
    case "removeSetting":
      return [`settings ${edit.name}`, null];
    case "putMove":
      return [`moves ${edit.move.vip}`, edit.move];
    case "putNode":
      return [`nodes ${edit.id}`, edit.entry];
    case "putDrain":
      return [`drains ${drainKey(edit.drain)}`, edit.drain];
    case "removeDrain":
      return [`drains ${edit.key}`, null];
  }
}
