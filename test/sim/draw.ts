/**
 * Choices made from a seed: the same seed makes the same choices.
 */
import { World } from "./world.ts";

/** See the head of this file. */
export class Draw {
  readonly #source: World;

  constructor(seed: number) {
    // Seeds that differ by one should have nothing in common from the first choice on.
    this.#source = new World(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.#source.random() * (max - min + 1));
  }

  /** True with that probability. */
  chance(probability: number): boolean {
    return this.#source.random() < probability;
  }

  /** One of the list, which is not empty. */
  pick<Item>(list: readonly Item[]): Item {
    return list[this.int(0, list.length - 1)] as Item;
  }

  /** One of the list, each as likely as its weight says. */
  weighted<Item extends { readonly weight: number }>(list: readonly Item[]): Item {
    let left = this.#source.random() * list.reduce((sum, { weight }) => sum + weight, 0);
    return list.find(({ weight }) => (left -= weight) < 0) ?? list.at(-1) as Item;
  }

  /** Some of the list, `count` of them, in random order. */
  some<Item>(list: readonly Item[], count: number): Item[] {
    const left = [...list];
    return Array.from(
      { length: Math.min(count, left.length) },
      () => left.splice(this.int(0, left.length - 1), 1)[0] as Item,
    );
  }

  /** A time between two bounds, short ones as likely as long ones (by its logarithm). */
  timeMs(minMs: number, maxMs: number): number {
    return Math.round(minMs * (maxMs / minMs) ** this.#source.random());
  }
}
