/**
 * The remembered edits of a replica: a map beside the parts of the document, which older versions hand on without
 * looking. It is kept short by whoever edits: an edit removes what is too old or too much together.
 */
import type * as Y from "yjs";
import {
  byAge,
  HISTORY_BYTES_MAX,
  HISTORY_EDITS_MAX,
  type HistoryEntry,
  historyEntrySchema,
  historyId,
} from "../../core/document/history.ts";
import { WrittenValues } from "./written_values.ts";

/** Name of the map in the replica. */
export const HISTORY_PART = "history";

/** An entry, as far as it is one, and its size in bytes. */
interface Remembered {
  readonly entry: HistoryEntry | undefined;
  readonly bytes: number;
}

/** Follows the remembered edits of one replica from its empty beginning. */
export class HistoryTracker {
  /** The edits as they are written in the replica. */
  readonly written: WrittenValues;
  /** All entries, valid or not, by id. */
  readonly #remembered = new Map<string, Remembered>();
  #entries: readonly HistoryEntry[] | undefined;

  constructor(replica: Y.Doc) {
    const map = replica.getMap(HISTORY_PART);
    this.written = new WrittenValues(map);
    replica.on("afterTransaction", ({ changed }) => {
      for (const [type, keys] of changed as Map<unknown, Set<string | null>>) {
        if (type !== map) continue;
        this.#entries = undefined;
        for (const key of this.written.refresh(keys)) this.#take(key);
      }
    });
  }

  /** The valid ones, the newest first. */
  read(): readonly HistoryEntry[] {
    return this.#entries ??= [...this.#remembered.values()]
      .flatMap(({ entry }) => entry ?? [])
      .sort(byAge)
      .slice(0, HISTORY_EDITS_MAX);
  }

  /** The number of the next edit. */
  nextSequence(): number {
    return (this.read()[0]?.sequence ?? 0) + 1;
  }

  /** Keys of what must go so that an entry of this size has room: what is not valid first, then the oldest. */
  excess(bytes: number): string[] {
    const kept = new Set(this.read().map(historyId));
    const gone = [...this.#remembered.keys()].filter((key) => !kept.has(key));
    let room = HISTORY_BYTES_MAX - bytes;
    for (const [index, entry] of this.read().entries()) {
      const key = historyId(entry);
      room -= this.#remembered.get(key)?.bytes ?? 0;
      if (index >= HISTORY_EDITS_MAX - 1 || room < 0) gone.push(key);
    }
    return gone;
  }

  #take(key: string): void {
    if (!this.written.has(key)) return void this.#remembered.delete(key);
    const value = this.written.get(key);
    const entry = historyEntrySchema.safeParse(value).data;
    const own = entry !== undefined && historyId(entry) === key;
    this.#remembered.set(key, { entry: own ? entry : undefined, bytes: sizeOf(value) });
  }
}

/** Bytes of an entry, about. */
export function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? "");
}
