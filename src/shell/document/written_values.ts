/**
 * What stands in one map of a replica. A value is written once, under a key that nothing else has
 * ("KEY\nAGE.WRITER.CLOCK"), and removed by the edit that replaces it. So no edit ever builds on a removed value, and
 * all that must be kept of it is that it was removed: a run of clocks, which joins the runs beside it. Where keys are
 * overwritten, as Y.Map does, every value leaves a trace of its own for ever, because an edit that is still to come
 * from elsewhere may refer to it.
 *
 * Edits that did not know of each other leave several values of a key. The one of the highest age counts, then of the
 * highest writer, on every replica, and the next edit of the key removes all of them. (An observed-remove map; Shapiro
 * et al., "A comprehensive study of convergent and commutative replicated data types", 2011, section 3.3.5.)
 */
import * as Y from "yjs";
import type { Range } from "./document_update.ts";

/** Age: one more than that of the values it replaces. Ten digits of base 36 are a number that is exact. */
const WRITTEN_KEY = /\n([0-9a-z]{1,10})\.[0-9a-z]{1,10}\.[0-9a-z]{1,10}$/;
const BASE = 36;

/** A range of one writer. */
export interface WriterRange extends Range {
  readonly client: number;
}

/** The entry's key; what an earlier version wrote stands under the key itself. */
function entryKey(written: string): string {
  return written.replace(WRITTEN_KEY, "");
}

function ageOf(written: string): number {
  return Number.parseInt(WRITTEN_KEY.exec(written)?.[1] ?? "0", BASE);
}

/** Follows one map. */
export class WrittenValues {
  readonly #map: Y.Map<unknown>;
  /** What is there, by the entry's key. */
  readonly #written = new Map<string, ReadonlySet<string>>();

  constructor(map: Y.Map<unknown>) {
    this.#map = map;
  }

  /** Looks again at keys of the map that have changed; the keys of their entries. */
  refresh(changed: Iterable<string | null>): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const written of changed) {
      if (written === null) continue;
      const key = entryKey(written);
      keys.add(key);
      const others = [...this.#written.get(key) ?? []].filter((other) => other !== written);
      const now = this.#map.has(written) ? [...others, written] : others;
      if (now.length > 0) this.#written.set(key, new Set(now));
      else this.#written.delete(key);
    }
    return keys;
  }

  /** How many keys have a value. */
  get size(): number {
    return this.#written.size;
  }

  /** Whether there is a value. */
  has(key: string): boolean {
    return this.#written.has(key);
  }

  /** The value that counts; undefined when there is none. */
  get(key: string): unknown {
    const [first] = this.#newest(key);
    return first === undefined ? undefined : this.#map.get(first);
  }

  /** All keys that have a value. */
  keys(): Iterable<string> {
    return this.#written.keys();
  }

  /** Where an edit writes the next value of a key, as the item with this id. */
  nextKey(key: string, { client, clock }: Y.ID): string {
    const [first] = this.#newest(key);
    const age = first === undefined ? 1 : ageOf(first) + 1;
    return `${key}\n${[age, client, clock].map((number) => number.toString(BASE)).join(".")}`;
  }

  /** What an edit of the key removes: every value of it that is here. */
  ranges(key: string): WriterRange[] {
    return this.#newest(key).map((written) => {
      const { id, length } = this.#item(written);
      return { client: id.client, clock: id.clock, len: length };
    });
  }

  /** Where the values of a key are, the one that counts first. */
  #newest(key: string): string[] {
    const written = [...this.#written.get(key) ?? []];
    if (written.length < 2) return written;
    return written.sort((a, b) =>
      ageOf(b) - ageOf(a) || this.#item(b).id.client - this.#item(a).id.client ||
      this.#item(b).id.clock - this.#item(a).id.clock
    );
  }

  #item(written: string): Y.Item {
    const item = this.#map._map.get(written);
    if (item === undefined) throw new Error(`nothing is written at ${written}`);
    return item;
  }
}

/**
 * For `Y.Doc`'s `gcFilter`: of a removed value that was written once nothing is kept but its clocks. Whether Yjs is to
 * keep a trace of its own kind.
 */
export function keepsTrace(item: Y.Item): boolean {
  const { parent, parentSub, left, right, origin } = item;
  if (!(parent instanceof Y.AbstractType) || parent.doc === null || parentSub === null) return true;
  // Another item under this key is a mistake of whoever wrote it, and Yjs needs the trace to settle it.
  const alone = left === null && right === null && origin === null;
  if (!alone || !WRITTEN_KEY.test(parentSub)) return true;
  parent._map.delete(parentSub);
  item.gc(parent.doc.store, true);
  return false;
}
