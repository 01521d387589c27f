/**
 * From edits to the update that makes them, before any replica has it: an edit that is refused, by a limit or
 * by the disk, leaves no trace.
 */
import * as Y from "yjs";
import { documentParts, type Edit } from "../../core/document/document.ts";
import { drainKey } from "../../core/document/drain.ts";
import { DRAINS_MAX, SERVERS_MAX, SERVICES_MAX, VIPS_MAX } from "../../core/limits.ts";
import type { EntryChange as EntryChanged } from "../../core/document/difference.ts";
import { type EditNote, historyEntry, historyId } from "../../core/document/history.ts";
import { Refusal } from "../../core/refusal.ts";
import { runAtOnce, type Steps } from "../../core/steps.ts";
import { serverKey } from "../../core/service/server.ts";
import { serviceKey } from "../../core/service/service.ts";
import { type ContentTracker, vipsNeeded } from "./document_content.ts";
import { canonicalSetting, NODE_ENTRIES_MAX, type Part, unknownOf } from "./document_entry.ts";
import { HISTORY_PART, sizeOf } from "./document_history.ts";
import type { Replica } from "./document_replica.ts";
import { addRange, type Range, structBytes, writeUpdate } from "./document_update.ts";
import type { WriterRange } from "./written_values.ts";

/** Entries put or removed in one step: merging them takes a few ms, and in between other work goes on. */
const PIECE_ENTRIES = 128;

/** What becomes of one entry; value undefined: it is removed. */
interface EntryChange {
  readonly part: Part;
  readonly key: string;
  readonly value: object | undefined;
}

/** A change as it is written: the history has its own map. */
type WrittenChange = Omit<EntryChange, "part"> & { readonly part: Part | typeof HISTORY_PART };

/** How an edit is remembered. */
export interface Remember {
  readonly note: EditNote;
  /** What the edits change. */
  readonly changes: readonly EntryChanged[];
  /** Now, ms since 1970. */
  readonly wallMs: number;
}

/** An edit on paper. */
export interface PreparedEdit {
  /** All of it as one update, for the disk; null when it changes nothing. */
  readonly whole: Uint8Array | null;
  /** The same as updates that are merged one after the other. */
  readonly pieces: readonly Uint8Array[];
}

/** Works out edits of valid values (see {@link checkValue}). Throws a {@link Refusal} when a limit would be exceeded. */
export function prepareEdit(
  replica: Replica,
  edits: readonly Edit[],
  remember?: Remember,
): PreparedEdit {
  return runAtOnce(preparing(replica, edits, remember));
}

/** The same in steps of some ms, between which peers may be heard: what they change meanwhile is concurrent. */
export function* preparing(
  replica: Replica,
  edits: readonly Edit[],
  remember?: Remember,
): Steps<PreparedEdit> {
  const changes = new EntryChanges(replica.content);
  for (const [index, edit] of edits.entries()) {
    if (index % PIECE_ENTRIES === PIECE_ENTRIES - 1) yield;
    changes.add(edit);
  }
  checkServers(replica.content, changes);
  checkLimits(replica.content, changes);
  const remembered = remember === undefined ? [] : historyChanges(replica, remember);
  return yield* writeChanges(replica, [...changes.all(), ...remembered]);
}

/** The edit as one to remember, and what it makes too old. */
function historyChanges(
  { history }: Replica,
  { note, wallMs, changes }: Remember,
): WrittenChange[] {
  const entry = historyEntry(changes, note, { sequence: history.nextSequence(), wallMs });
  if (entry === null) return [];
  const gone = history.excess(sizeOf(entry)).map((key) => ({ key, value: undefined }));
  return [...gone, { key: historyId(entry), value: entry }]
    .map((change): WrittenChange => ({ ...change, part: HISTORY_PART }));
}

/** Changes of entries, the last one for each. */
class EntryChanges {
  readonly #content: ContentTracker;
  readonly #changes = new Map<string, EntryChange>();

  constructor(content: ContentTracker) {
    this.#content = content;
  }

  all(): Iterable<EntryChange> {
    return this.#changes.values();
  }

  /** Whether the entry is there after the changes. */
  has(part: Part, key: string): boolean {
    const change = this.#changes.get(`${part} ${key}`);
    return change === undefined ? this.#content.written(part).has(key) : change.value !== undefined;
  }

  add(edit: Edit): void {
    switch (edit.kind) {
      case "putService": {
        const key = serviceKey(edit.service);
        // What a merge has brought back of an earlier service of this name is not this one's.
        if (!this.has("services", key)) this.#removeKnownServers(key);
        return this.#put("services", key, edit.service);
      }
      case "removeService":
        this.#remove("services", edit.key);
        this.#removeKnownServers(edit.key);
        this.#removeDrains(edit.key);
        return this.#forgetAdded(edit.key);
      case "putServer":
        return this.#put("servers", serverKey(edit.server), edit.server);
      case "removeServer":
        return this.#remove("servers", edit.key);
      case "putVip":
        return this.#put("vips", edit.vip.address, edit.vip);
      case "removeVip":
        return this.#remove("vips", edit.address);
      case "putSetting":
        return this.#put("settings", edit.name, { value: edit.value });
      case "removeSetting":
        return this.#remove("settings", edit.name);
      case "putMove":
        this.#forgetIdleMoves();
        return this.#put("moves", edit.move.vip, edit.move);
      case "putNode":
        return this.#put("nodes", edit.id, edit.entry);
      case "putDrain":
        return this.#put("drains", drainKey(edit.drain), edit.drain);
      case "removeDrain":
        return this.#remove("drains", edit.key);
    }
  }

  #put(part: Part, key: string, value: object): void {
    this.#changes.set(`${part} ${key}`, { part, key, value });
  }

  #remove(part: Part, key: string): void {
    this.#changes.set(`${part} ${key}`, { part, key, value: undefined });
  }

  /** Servers that were there before these edits, but for those that the edits put. */
  #removeKnownServers(service: string): void {
    for (const key of this.#content.serverKeys(service)) {
      if (!this.#changes.has(`servers ${key}`)) this.#remove("servers", key);
    }
  }

  /** Drains of one service end with it: another one of the same name has its own. */
  #removeDrains(service: string): void {
    for (const key of this.#content.written("drains").keys()) {
      if (key.startsWith(`${service}|`)) this.#remove("drains", key);
    }
  }

  /** Servers that these very edits have put, of a service that they remove then. */
  #forgetAdded(service: string): void {
    for (const { part, key } of [...this.#changes.values()]) {
      if (part === "servers" && key.startsWith(`${service}|`)) this.#remove("servers", key);
    }
  }

  /** Orders about VIPs that nobody has any more: without this, years of them would fill the limit. */
  #forgetIdleMoves(): void {
    if (this.#content.written("moves").size < VIPS_MAX) return;
    for (const vip of this.#content.written("moves").keys()) {
      if (this.#content.vipUses(vip) === 0) this.#remove("moves", vip);
    }
  }
}

/** Throws a {@link Refusal} when the value of an edit is not valid. */
export function checkValue(edit: Edit): void {
  const issue = valueProblem(edit);
  if (issue !== undefined) throw refuse(issue, "correct the value");
}

function valueProblem(edit: Edit): string | undefined {
  const read = (part: Part, value: unknown) => {
    const issue = documentParts[part].safeParse(value).error?.issues[0];
    return issue === undefined ? undefined : `${issue.path.join(".")} ${issue.message}`.trim();
  };
  switch (edit.kind) {
    case "putService":
      return read("services", edit.service);
    case "putServer":
      return read("servers", edit.server);
    case "putVip":
      return read("vips", edit.vip);
    case "putMove":
      return read("moves", edit.move);
    case "putNode":
      return read("nodes", edit.entry);
    case "putDrain":
      return read("drains", edit.drain);
    case "putSetting":
      return canonicalSetting(edit.name, edit.value) === undefined
        ? `the setting ${edit.name} does not take "${edit.value}"`
        : undefined;
    default:
      return undefined;
  }
}

/** The service may have been removed while the edit waited its turn. */
function checkServers(content: ContentTracker, changes: EntryChanges): void {
  for (const { part, value } of changes.all()) {
    if (part !== "servers" || value === undefined) continue;
    const { service } = value as { readonly service: string };
    const known = changes.has("services", service);
    if (!known && !content.written("services").has(service)) {
      throw refuse(`there is no service ${service}`, "add the service first");
    }
  }
}

/** Refuses what goes over a limit. A document that a merge has brought over it can still be edited back. */
function checkLimits(content: ContentTracker, changes: EntryChanges): void {
  const limited: [what: string, part: Part, max: number][] = [
    ["services", "services", SERVICES_MAX],
    ["servers", "servers", SERVERS_MAX],
    ["moves", "moves", VIPS_MAX],
    ["node entries", "nodes", NODE_ENTRIES_MAX],
    ["drains", "drains", DRAINS_MAX],
  ];
  const counts = new Map<Part, number>();
  for (const { part, key, value } of changes.all()) {
    const difference = (value === undefined ? 0 : 1) - (content.written(part).has(key) ? 1 : 0);
    counts.set(part, (counts.get(part) ?? content.written(part).size) + difference);
  }
  for (const [what, part, max] of limited) {
    const before = content.written(part).size;
    checkLimit(what, { before, after: counts.get(part) ?? before, max });
  }
  checkLimit("VIPs", {
    before: content.vipCount(),
    after: vipsAfter(content, changes),
    max: VIPS_MAX,
  });
}

function checkLimit(
  what: string,
  { before, after, max }: { readonly before: number; readonly after: number; readonly max: number },
): void {
  if (after <= max || after <= before) return;
  throw refuse(
    `a cluster has at most ${max} ${what}, and this makes ${after}`,
    "remove some first",
  );
}

/** How many VIPs anything needs after the changes. */
function vipsAfter(content: ContentTracker, changes: EntryChanges): number {
  const differences = new Map<string, number>();
  const add = (vips: readonly string[], difference: number) => {
    for (const vip of vips) differences.set(vip, (differences.get(vip) ?? 0) + difference);
  };
  for (const { part, key, value } of changes.all()) {
    if (part !== "services" && part !== "vips") continue;
    add(content.vipsOfEntry(part, key), -1);
    add(vipsNeeded(part, value), 1);
  }
  let count = content.vipCount();
  for (const [vip, difference] of differences) {
    const uses = content.vipUses(vip);
    count += (uses + difference > 0 ? 1 : 0) - (uses > 0 ? 1 : 0);
  }
  return count;
}

/** Makes the items of an edit, without putting them anywhere. */
function* writeChanges(
  replica: Replica,
  changes: readonly WrittenChange[],
): Steps<PreparedEdit> {
  const { doc } = replica;
  const client = doc.clientID;
  const first = Y.getState(doc.store, client);
  const pieces: Piece[] = [];
  let clock = first;
  for (let from = 0; from < changes.length; from += PIECE_ENTRIES) {
    if (from > 0) yield;
    const piece = writePiece(replica, changes.slice(from, from + PIECE_ENTRIES), clock);
    if (piece.count === 0 && piece.removed.length === 0) continue;
    pieces.push(piece);
    clock += piece.count;
  }
  if (pieces.length === 0) return { whole: null, pieces: [] };
  const update = (some: readonly Piece[], clock: number) => {
    const bytes = some.flatMap((piece) => piece.count === 0 ? [] : [piece.bytes]);
    const count = some.reduce((sum, piece) => sum + piece.count, 0);
    const runs = count === 0 ? [] : [{ client, clock, count, bytes }];
    return writeUpdate(runs, rangesOf(some.flatMap(({ removed }) => removed)));
  };
  const updates = pieces.map((piece) => update([piece], piece.clock));
  const [only, more] = updates;
  const whole = only !== undefined && more === undefined ? only : update(pieces, first);
  return { whole, pieces: updates };
}

/** Some changes on paper. */
interface Piece {
  /** The first item's, and how many there are. */
  readonly clock: number;
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly removed: readonly WriterRange[];
}

/** A value is written beside the one it replaces, which is removed. */
function writePiece(
  { doc, content, history }: Replica,
  changes: readonly WrittenChange[],
  clock: number,
): Piece {
  const items: Y.Item[] = [];
  const removed: WriterRange[] = [];
  for (const { part, key, value } of changes) {
    const written = part === HISTORY_PART ? history.written : content.written(part);
    removed.push(...written.ranges(key));
    if (value === undefined) continue;
    const id = Y.createID(doc.clientID, clock + items.length);
    // An edit here takes nothing away that a later version has said.
    const unknown = part === HISTORY_PART ? {} : unknownOf(part, written.get(key));
    const values = new Y.ContentAny([{ ...unknown, ...value }]);
    const at = written.nextKey(key, id);
    items.push(new Y.Item(id, null, null, null, null, doc.getMap(part), at, values));
  }
  return { clock, count: items.length, bytes: structBytes(items, clock), removed };
}

function rangesOf(removed: readonly WriterRange[]): Map<number, Range[]> {
  const ranges = new Map<number, Range[]>();
  const sorted = [...removed].sort((a, b) => a.client - b.client || a.clock - b.clock);
  for (const { client, clock, len } of sorted) addRange(ranges, client, { clock, len });
  return ranges;
}

/** A refusal to edit. */
export function refuse(problem: string, remedy: string): Refusal {
  return new Refusal({ attempted: "edit the cluster document", problem, remedy });
}
