/**
 * Decides when each target is probed. Every target has its own rhythm, from start to start, quicker while it is in
 * trouble if its check says so; a target that hangs holds nobody up but itself.
 */
import {
  type History,
  jitterMs,
  judge,
  probeInterval,
  startHistory,
} from "../../core/pool/health.ts";
import type { Clock, ProbeListener, Prober, ProbeResult, ProbeTarget } from "../../ports.ts";
import { createProbe, type Probe } from "./probes.ts";

/**
 * Probes under way at once. Each holds a descriptor, and the common hard limit is 4,096 or more. It is this
 * high because a hung target holds its place for its whole timeout: fewer places could let a few hundred
 * dead servers delay the living.
 */
export const PROBES_AT_ONCE_MAX = 1_024;
/** Distance between the first probes of targets that come together, ms: 1,000 of them spread over a second. */
const SPREAD_MS = 1;

/** Timers, so that tests can run in virtual time. */
export interface Timers {
  /** Calls back after `ms`; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** What a prober is made of. */
export interface ProberOptions {
  readonly clock: Clock;
  /** Gets every result; called from the event loop, never from within {@link Prober.setTargets}. */
  readonly report: ProbeListener;
  /** Defaults to real probes, see {@link createProbe}. */
  readonly probe?: Probe;
  /** Defaults to the runtime's. */
  readonly timers?: Timers;
  /** Defaults to {@link PROBES_AT_ONCE_MAX}. */
  readonly atOnceMax?: number;
}

/** A target being watched. A changed target gets a new one. */
interface Watch {
  readonly target: ProbeTarget;
  /** Turn whose probe is under way or over, clock ms: turns are whole intervals apart, whatever a probe takes. */
  turnMs: number;
  /** When the next turn is, clock ms. Its probe starts a little earlier or later if the check has jitter. */
  nextMs: number;
  /** Number of the next turn. */
  turn: number;
  /** What the results so far mean: a server in trouble may be asked more often. */
  history: History;
  cancelTimer: () => void;
  /** Aborts the probe under way; null when there is none. */
  running: AbortController | null;
  /** A beat came while a probe was still under way: probe again as soon as it ends. */
  overdue: boolean;
}

/** Starts a prober without targets. */
export function createProber(options: ProberOptions): Prober {
  return new RhythmicProber(options);
}

class RhythmicProber implements Prober {
  readonly #clock: Clock;
  readonly #report: ProbeListener;
  readonly #probe: Probe;
  readonly #timers: Timers;
  readonly #atOnceMax: number;
  readonly #watches = new Map<string, Watch>();
  /** Due, waiting for a place, first come first served. */
  readonly #queue = new Set<Watch>();
  #underWay = 0;

  constructor(options: ProberOptions) {
    this.#clock = options.clock;
    this.#report = options.report;
    this.#probe = options.probe ?? createProbe();
    this.#timers = options.timers ?? REAL_TIMERS;
    this.#atOnceMax = options.atOnceMax ?? PROBES_AT_ONCE_MAX;
  }

  setTargets(targets: readonly ProbeTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.key, target]));
    for (const watch of [...this.#watches.values()]) {
      const target = wanted.get(watch.target.key);
      if (target !== undefined && sameProbe(target, watch.target)) wanted.delete(target.key);
      else this.#remove(watch);
    }
    let place = 0;
    for (const target of wanted.values()) {
      this.#add(target, place * Math.min(SPREAD_MS, target.check.intervalMs / wanted.size));
      place += 1;
    }
  }

  close(): void {
    for (const watch of [...this.#watches.values()]) this.#remove(watch);
  }

  #add(target: ProbeTarget, delayMs: number): void {
    const nextMs = this.#clock.now() + delayMs;
    const watch: Watch = {
      target,
      turnMs: nextMs,
      nextMs,
      turn: 0,
      history: startHistory(this.#clock.wallMs(), target.check),
      cancelTimer: () => {},
      running: null,
      overdue: false,
    };
    this.#watches.set(target.key, watch);
    this.#arm(watch);
  }

  #remove(watch: Watch): void {
    this.#watches.delete(watch.target.key);
    this.#queue.delete(watch);
    watch.cancelTimer();
    watch.running?.abort();
  }

  #arm(watch: Watch): void {
    const { target: { key, check }, turn } = watch;
    const shiftMs = turn === 0 ? 0 : jitterMs(check, { key, turn, intervalMs: intervalOf(watch) });
    const waitMs = Math.max(0, watch.nextMs + shiftMs - this.#clock.now());
    watch.cancelTimer = this.#timers.after(waitMs, () => this.#beat(watch));
  }

  #beat(watch: Watch): void {
    const intervalMs = intervalOf(watch);
    // Turns missed while this process stood still are left out, not made up in a burst.
    const missed = Math.max(0, Math.floor((this.#clock.now() - watch.nextMs) / intervalMs));
    watch.turnMs = watch.nextMs + missed * intervalMs;
    watch.nextMs = watch.turnMs + intervalMs;
    watch.turn += missed + 1;
    if (watch.target.check.kind !== "none") this.#arm(watch);
    if (watch.running === null) this.#queue.add(watch);
    else watch.overdue = true;
    this.#startDue();
  }

  /** Takes a result into account: from now on the target may be asked more often, or less. */
  #note(watch: Watch, result: ProbeResult): void {
    const { check } = watch.target;
    const beforeMs = intervalOf(watch);
    watch.history = judge(watch.history, result, check, this.#clock.wallMs());
    const intervalMs = intervalOf(watch);
    if (intervalMs === beforeMs || check.kind === "none") return;
    watch.nextMs = watch.turnMs + intervalMs;
    // There is time again: the turns that were missed in a hurry need not be made up.
    if (intervalMs > beforeMs) watch.overdue = false;
    watch.cancelTimer();
    this.#arm(watch);
  }

  #startDue(): void {
    for (const watch of this.#queue) {
      if (this.#underWay >= this.#atOnceMax) return;
      this.#queue.delete(watch);
      void this.#run(watch);
    }
  }

  async #run(watch: Watch): Promise<void> {
    const controller = new AbortController();
    watch.running = controller;
    this.#underWay += 1;
    const { key } = watch.target;
    const result = await this.#probe(watch.target, {
      clock: this.#clock,
      signal: controller.signal,
    });
    this.#underWay -= 1;
    watch.running = null;
    if (this.#watches.get(key) === watch) {
      if (result !== null) this.#note(watch, result);
      if (watch.overdue) this.#queue.add(watch);
      watch.overdue = false;
      if (result !== null) this.#report(key, result);
    }
    this.#startDue();
  }
}

function intervalOf({ target: { check }, history }: Watch): number {
  return probeInterval(check, history);
}

function sameProbe(a: ProbeTarget, b: ProbeTarget): boolean {
  return Bun.deepEquals(a, b, true);
}

const REAL_TIMERS: Timers = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
