/**
 * Virtual time: events run in order of their moment, and between two events nothing passes.
 */

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Rounds of the microtask queue after an event: enough for the agent's longest chain of awaits on ready values. */
const SETTLE_ROUNDS = 60;
/** Wall clock at virtual time 0. */
const EPOCH_WALL_MS = Date.UTC(2026, 0, 1);

/** See the head of this file. */
export class World {
  nowMs = 0;
  #events: Event[] = [];
  #order = 0;
  #random: number;

  constructor(seed = 1) {
    this.#random = seed >>> 0 || 1;
  }

  /** Runs the work after a delay of virtual ms. */
  after(delayMs: number, run: () => void): void {
    const event = { atMs: this.nowMs + delayMs, order: this.#order++, run };
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1] as Event).atMs > event.atMs) index--;
    this.#events.splice(index, 0, event);
  }

  /** A number in [0, 1), the same sequence for the same seed (mulberry32). */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let value = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** The wall clock of everybody. */
  wallMs(): number {
    return EPOCH_WALL_MS + this.nowMs;
  }

  /** Lets virtual time pass. `after` is called after every event. */
  async run(durationMs: number, afterEvent: () => void = () => {}): Promise<void> {
    const endMs = this.nowMs + durationMs;
    for (
      let next = this.#events[0];
      next !== undefined && next.atMs <= endMs;
      next = this.#events[0]
    ) {
      this.#events.shift();
      this.nowMs = next.atMs;
      next.run();
      for (let round = 0; round < SETTLE_ROUNDS; round++) await null;
      afterEvent();
    }
    this.nowMs = endMs;
  }
}
