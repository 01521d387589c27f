/**
 * Entries by key, read as maps sorted by key that are never changed afterwards: a reader can keep one, and
 * two that are the same object have the same content.
 */

/** Entries under change. */
export class SortedEntries<Value> {
  #read: ReadonlyMap<string, Value> = new Map();
  /** Changes since `#read` was made; undefined: removed. */
  readonly #changes = new Map<string, Value | undefined>();
  #size = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** The entry, or undefined. */
  get(key: string): Value | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#read.get(key);
  }

  /** Sets an entry; undefined removes it. */
  put(key: string, value: Value | undefined): void {
    const before = this.get(key);
    if (before === value) return;
    this.#size += (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    this.#changes.set(key, value);
  }

  /** All entries, sorted by key; the same object as long as nothing has changed. */
  read(): ReadonlyMap<string, Value> {
    if (this.#changes.size === 0) return this.#read;
    const added = [...this.#changes].filter((change): change is [string, Value] =>
      change[1] !== undefined && !this.#read.has(change[0])
    ).sort(([a], [b]) => a < b ? -1 : 1);
    this.#read = added.length === 0 ? this.#edited() : this.#merged(added);
    this.#changes.clear();
    return this.#read;
  }

  /** A copy where the order of keys is as before. */
  #edited(): Map<string, Value> {
    const copy = new Map(this.#read);
    for (const [key, value] of this.#changes) {
      if (value === undefined) copy.delete(key);
      else copy.set(key, value);
    }
    return copy;
  }

  /** The old entries with new ones between them, in one pass. */
  #merged(added: readonly [string, Value][]): Map<string, Value> {
    const merged = new Map<string, Value>();
    let next = 0;
    for (const [key, old] of this.#read) {
      for (let one = added[next]; one !== undefined && one[0] < key; one = added[++next]) {
        merged.set(one[0], one[1]);
      }
      const value = this.#changes.has(key) ? this.#changes.get(key) : old;
      if (value !== undefined) merged.set(key, value);
    }
    for (const [key, value] of added.slice(next)) merged.set(key, value);
    return merged;
  }
}

/** The first `max` entries: the same object when there are no more. */
export function firstOf<Value>(
  entries: ReadonlyMap<string, Value>,
  max: number,
): ReadonlyMap<string, Value> {
  return entries.size <= max ? entries : new Map([...entries].slice(0, max));
}
