/**
 * What edits change in a document, entry by entry; what goes with a service that is removed included.
 */
import { canonicalJson } from "../canonical.ts";
import type { ChangedPart, Described, EntryChange } from "./difference.ts";
import type { ClusterDocument, Edit } from "./document.ts";
import { drainKey } from "./drain.ts";
import { keyedService, type ServerEntry, serverKey } from "../service/server.ts";
import { serviceKey } from "../service/service.ts";

/** Collects the changes that edits make to a document, one after the other: thousands of them take a while. */
export class EditChanges {
  readonly #document: ClusterDocument;
  readonly #changes = new Map<string, EntryChange>();

  constructor(document: ClusterDocument) {
    this.#document = document;
  }

  add(edit: Edit): void {
    if (edit.kind === "removeService") {
      for (const key of this.#document.servers.get(edit.key)?.keys() ?? []) {
        this.#put("servers", key, undefined);
      }
      for (const [key, { service }] of this.#document.drains) {
        if (service === edit.key) this.#put("drains", key, undefined);
      }
    }
    this.#put(...entryEdit(edit));
  }

  /** The changes so far, the last one for each entry; those that make no difference are left out. */
  list(): EntryChange[] {
    return [...this.#changes.values()];
  }

  #put(part: ChangedPart, key: string, after: unknown): void {
    const before = entryOf(this.#document, part, key);
    const id = `${part} ${key}`;
    if (isSame(before, after)) this.#changes.delete(id);
    else this.#changes.set(id, { part, key, before, after } as EntryChange);
  }
}

/** The changes that these edits make; those that make no difference are left out. */
export function changesOf(document: ClusterDocument, edits: readonly Edit[]): EntryChange[] {
  const changes = new EditChanges(document);
  for (const edit of edits) changes.add(edit);
  return changes.list();
}

function isSame(before: unknown, after: unknown): boolean {
  if (before === undefined || after === undefined) return before === after;
  return canonicalJson(before) === canonicalJson(after);
}

/** The entry of a document under a key; a setting is its text. */
export function entryOf(document: ClusterDocument, part: ChangedPart, key: string): unknown {
  if (part === "servers") return document.servers.get(keyedService(key))?.get(key);
  return (document[part] as ReadonlyMap<string, unknown>).get(key);
}

/** What becomes of which entry. */
function entryEdit(edit: Edit): [part: ChangedPart, key: string, after: unknown] {
  switch (edit.kind) {
    case "putService":
      return ["services", serviceKey(edit.service), edit.service];
    case "removeService":
      return ["services", edit.key, undefined];
    case "putServer":
      return ["servers", serverKey(edit.server), edit.server];
    case "removeServer":
      return ["servers", edit.key, undefined];
    case "putVip":
      return ["vips", edit.vip.address, edit.vip];
    case "removeVip":
      return ["vips", edit.address, undefined];
    case "putSetting":
      return ["settings", edit.name, edit.value];
    case "removeSetting":
      return ["settings", edit.name, undefined];
    case "putMove":
      return ["moves", edit.move.vip, edit.move];
    case "putNode":
      return ["nodes", edit.id, edit.entry];
    case "putDrain":
      return ["drains", drainKey(edit.drain), edit.drain];
    case "removeDrain":
      return ["drains", edit.key, undefined];
  }
}

/** The document after changes, as far as files describe it. */
export function applied(document: Described, changes: readonly EntryChange[]): Described {
  const maps = {
    settings: new Map<string, unknown>(document.settings),
    vips: new Map<string, unknown>(document.vips),
    services: new Map<string, unknown>(document.services),
    drains: new Map<string, unknown>(document.drains),
  };
  const servers = new Map(
    [...document.servers].map(([key, entries]) => [key, new Map(entries)] as const),
  );
  for (const { part, key, after } of changes) {
    if (part === "moves" || part === "nodes") continue;
    if (part !== "servers") {
      if (after === undefined) maps[part].delete(key);
      else maps[part].set(key, after);
      continue;
    }
    const service = keyedService(key);
    const known = servers.get(service) ?? new Map<string, ServerEntry>();
    if (after === undefined) known.delete(key);
    else servers.set(service, known.set(key, after));
  }
  return { ...maps, servers } as Described;
}
