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

/** Name of the map in the replica. */
export const HISTORY_PART = "history";

/** Follows the remembered edits of one replica from its empty beginning. */
export class HistoryTracker {
  readonly #map: Y.Map<unknown>;
  /** Sizes of all entries, valid or not, bytes. */
  readonly #bytes = new Map<string, number>();
  #entries: readonly HistoryEntry[] | undefined;

  constructor(replica: Y.Doc) {
    this.#map = replica.getMap(HISTORY_PART);
    replica.on("afterTransaction", ({ changed }) => {
      for (const [type, keys] of changed as Map<unknown, Set<string | null>>) {
        if (type !== this.#map) continue;
        this.#entries = undefined;
        for (const key of keys) if (key !== null) this.#take(key);
      }
    });
  }

  /** The valid ones, the newest first. */
  read(): readonly HistoryEntry[] {
    return this.#entries ??= [...this.#map.keys()].flatMap((key) => {
      const entry = historyEntrySchema.safeParse(this.#map.get(key)).data;
      return entry !== undefined && historyId(entry) === key ? [entry] : [];
    }).sort(byAge).slice(0, HISTORY_EDITS_MAX);
  }

  /** The number of the next edit. */
  nextSequence(): number {
    return (this.read()[0]?.sequence ?? 0) + 1;
  }

  /** Keys of what must go so that an entry of this size has room: what is not valid first, then the oldest. */
  excess(bytes: number): string[] {
    const kept = new Set(this.read().map(historyId));
    const gone = [...this.#bytes.keys()].filter((key) => !kept.has(key));
    let room = HISTORY_BYTES_MAX - bytes;
    for (const [index, entry] of this.read().entries()) {
      const key = historyId(entry);
      room -= this.#bytes.get(key) ?? 0;
      if (index >= HISTORY_EDITS_MAX - 1 || room < 0) gone.push(key);
    }
    return gone;
  }

  #take(key: string): void {
    if (this.#map.has(key)) this.#bytes.set(key, sizeOf(this.#map.get(key)));
    else this.#bytes.delete(key);
  }
}

/** Bytes of an entry, about. */
export function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? "");
}
