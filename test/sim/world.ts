/**
 * Virtual time: events run in order of their moment, and between two events nothing passes.
 *
 * After each event all that was promised by then is done before time goes on, so a run depends on its seed
 * alone: not on the machine, not on what runs beside it.
 */
import { drainMicrotasks } from "bun:jsc";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Wall clock at virtual time 0. */
const EPOCH_WALL_MS = Date.UTC(2026, 0, 1);

/** See the head of this file. */
export class World {
  nowMs = 0;
  /** Events that have run. */
  events = 0;
  /** Grows whenever something changed that an invariant could ask for: kernels, wires, who runs. */
  changes = 0;
  /** A binary heap by moment, then by order of asking. */
  readonly #heap: Event[] = [];
  #order = 0;
  #random: number;

  constructor(seed = 1) {
    this.#random = seed >>> 0 || 1;
  }

  /** Runs the work after a delay of virtual ms. */
  after(delayMs: number, run: () => void): void {
    const heap = this.#heap;
    const event = { atMs: this.nowMs + delayMs, order: this.#order++, run };
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Event;
      if (!isBefore(event, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #next(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      const below = heap[child] as Event;
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }

  /** A number in [0, 1), the same sequence for the same seed (mulberry32). */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let value = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** The wall clock of whoever has a right one. */
  wallMs(): number {
    return EPOCH_WALL_MS + this.nowMs;
  }

  /** Lets virtual time pass. `after` is called after every event. */
  async run(durationMs: number, afterEvent: () => void = () => {}): Promise<void> {
    this.pass(durationMs, afterEvent);
  }

  /** As {@link run}, for callers that wait for nothing else. */
  pass(durationMs: number, afterEvent: () => void = () => {}): void {
    const endMs = this.nowMs + durationMs;
    drainMicrotasks();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#next();
      this.nowMs = next.atMs;
      this.events++;
      next.run();
      drainMicrotasks();
      afterEvent();
    }
    this.nowMs = endMs;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
