/**
 * Random numbers that are the same for the same seed (mulberry32).
 */

/** A number in [0, 1). */
export type Random = () => number;

/** Makes a source from a seed of 32 bits. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A whole number in [0, end). */
export function below(random: Random, end: number): number {
  return Math.floor(random() * end);
}

/** One of them. There must be one. */
export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)]!;
}
