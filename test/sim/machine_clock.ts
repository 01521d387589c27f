/**
 * The clocks of one machine. The monotonic one stands still while the whole machine does, as that of a
 * virtual machine that is suspended; the wall clock may be set.
 */
import type { World } from "./world.ts";

/** See the head of this file. */
export class MachineClock {
  readonly #world: World;
  #lostMs = 0;
  #stoppedMs: number | null = null;
  /** By how much the wall clock is wrong, ms. */
  wallErrorMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Monotonic ms. */
  now(): number {
    return (this.#stoppedMs ?? this.#world.nowMs) - this.#lostMs;
  }

  /** Wall clock, ms since 1970. */
  wallMs(): number {
    return this.#world.wallMs() + this.wallErrorMs;
  }

  /** Whether the machine stands still. */
  get stopped(): boolean {
    return this.#stoppedMs !== null;
  }

  stop(): void {
    this.#stoppedMs ??= this.#world.nowMs;
  }

  goOn(): void {
    if (this.#stoppedMs === null) return;
    this.#lostMs += this.#world.nowMs - this.#stoppedMs;
    this.#stoppedMs = null;
  }
}
