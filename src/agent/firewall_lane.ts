/**
 * Makes the marking rules and the kernel modules what the state wants. Both are the work of other programs
 * (nft or iptables, modprobe), so it runs beside everything else, one job at a time.
 */
import { desiredMarkRules } from "../core/desired/desired_marks.ts";
import { desiredModules } from "../core/desired/desired_switches.ts";
import type { MarkRule } from "../core/service/mark_rules.ts";
import type { State } from "../core/state.ts";
import type { Clock, MarkRules, Modules } from "../ports.ts";
import type { KernelTroubles } from "./kernel_troubles.ts";

/** How often it is looked whether somebody flushed the rules, ms: each look is a process. */
const INTACT_MS = 10_000;
/** Time after a failure before the next attempt, ms. */
const RETRY_MS = 5_000;

/** What the lane needs. */
export interface FirewallLaneOptions {
  readonly clock: Clock;
  readonly marks: MarkRules;
  readonly modules: Modules;
  readonly troubles: KernelTroubles;
  /** An earlier run of this agent had mark services: its rules may still be there. */
  readonly leftovers: boolean;
}

/** See the head of this file. */
export class FirewallLane {
  readonly #options: FirewallLaneOptions;
  /** What was last applied; null: nobody knows what an earlier run, or a failure, left. No rules need no work. */
  #applied: readonly MarkRule[] | null;
  #nextMs = -Infinity;
  readonly #loaded = new Set<string>();
  #running: Promise<void> | null = null;

  constructor(options: FirewallLaneOptions) {
    this.#options = options;
    this.#applied = options.leftovers ? null : [];
  }

  /** Starts what is due, unless something runs. Returns at once. */
  poke(state: State, now: number): void {
    if (this.#running !== null) return;
    const rules = desiredMarkRules(state);
    const changed = !sameRules(rules, this.#applied);
    const modules = desiredModules(state).filter((name) => !this.#loaded.has(name));
    const look = !changed && rules.length > 0 && now >= this.#nextMs;
    if (!(changed || modules.length > 0 ? now >= this.#retryMs : look)) return;
    this.#running = this.#work({ modules, rules, changed }).finally(() => {
      this.#running = null;
    });
  }

  #retryMs = -Infinity;

  async #work(due: {
    modules: readonly string[];
    rules: readonly MarkRule[];
    changed: boolean;
  }): Promise<void> {
    const { clock, marks, modules } = this.#options;
    for (const name of due.modules) {
      await this.#attempt(`load module ${name}`, async () => {
        await modules.load(name);
        this.#loaded.add(name);
      });
    }
    await this.#attempt("set mark rules", async () => {
      if (!due.changed && (due.rules.length === 0 || await marks.intact())) return;
      // What fails half-way leaves nobody knows what.
      this.#applied = null;
      await marks.apply(due.rules);
      this.#applied = due.rules;
    });
    this.#nextMs = clock.now() + INTACT_MS;
  }

  async #attempt(what: string, job: () => Promise<void>): Promise<void> {
    const { clock, troubles } = this.#options;
    try {
      await job();
      troubles.note(what, null);
    } catch (error) {
      troubles.note(what, error as Error);
      this.#retryMs = clock.now() + RETRY_MS;
    }
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Takes every rule out again, for a node that leaves for good. */
  async restore(): Promise<void> {
    await this.idle();
    if (this.#applied?.length === 0) return;
    await this.#attempt("remove mark rules", () => this.#options.marks.apply([]));
  }
}

function sameRules(a: readonly MarkRule[], b: readonly MarkRule[] | null): boolean {
  if (a === b) return true;
  return b !== null && a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
}
