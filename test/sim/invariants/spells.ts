/**
 * Since when something is so, and when it last was. To be told after every event at which it may have changed.
 */

/** See the head of this file. `Key`: of whom. */
export class Spells<Key> {
  readonly #since = new Map<Key, number>();
  readonly #ended = new Map<Key, number>();

  note(key: Key, isSo: boolean, nowMs: number): void {
    const began = this.#since.has(key);
    if (isSo && !began) this.#since.set(key, nowMs);
    if (isSo || !began) return;
    this.#since.delete(key);
    this.#ended.set(key, nowMs);
  }

  /** Since when it is so, ms; Infinity when it is not. */
  sinceMs(key: Key): number {
    return this.#since.get(key) ?? Infinity;
  }

  /** When it last was so, ms: `nowMs` while it is; -Infinity when it never was. */
  lastMs(key: Key, nowMs: number): number {
    return this.#since.has(key) ? nowMs : this.#ended.get(key) ?? -Infinity;
  }
}
