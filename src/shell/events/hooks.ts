/**
 * Tells hooks of events: each its events in order, one at a time. A hook that is too slow loses the oldest that wait, and
 * is told how many. What goes wrong is reported, never told to hooks.
 */
import type { News, TroopEvent } from "../../core/event.ts";
import type { Hook, HookMessage } from "../../core/hook.ts";
import { callHook } from "./hook_call.ts";

/** Events that wait for one hook. */
export const HOOK_QUEUE_MAX = 256;
/** Time a stopping agent gives its hooks for what still waits, ms. */
const FAREWELL_MS = 2_000;

/** See the head of this file. */
export interface Hooks {
  tell(event: TroopEvent): void;
  /** Lets hooks take what waits, for a moment, and ends what then still runs. */
  close(): Promise<void>;
}

/** What hooks are opened with. */
export interface HooksOptions {
  readonly hooks: readonly Hook[];
  readonly cluster: string;
  readonly node: string;
  /** Told of hooks that fail, and that work again. */
  readonly report: (news: News) => void;
  /** Calls a hook, for tests. */
  readonly call?: typeof callHook;
  readonly farewellMs?: number;
}

/** Opens the hooks. Nothing runs before the first event. */
export function openHooks(options: HooksOptions): Hooks {
  const { hooks, farewellMs = FAREWELL_MS } = options;
  const ending = new AbortController();
  const queues = hooks.map((hook) => new HookQueue(hook, options, ending.signal));
  return {
    tell(event) {
      for (const queue of queues) queue.add(event);
    },
    async close() {
      const timer = setTimeout(() => ending.abort(), farewellMs);
      await Promise.all(queues.map((queue) => queue.idle()));
      clearTimeout(timer);
    },
  };
}

/** The events that wait for one hook. */
class HookQueue {
  readonly #hook: Hook;
  readonly #options: HooksOptions;
  readonly #ending: AbortSignal;
  #waiting: TroopEvent[] = [];
  #dropped = 0;
  #failing = false;
  #running: Promise<void> | null = null;

  constructor(hook: Hook, options: HooksOptions, ending: AbortSignal) {
    this.#hook = hook;
    this.#options = options;
    this.#ending = ending;
  }

  add(event: TroopEvent): void {
    if (!this.#hook.events.some((kind) => kind === event.kind)) return;
    this.#waiting.push(event);
    if (this.#waiting.length > HOOK_QUEUE_MAX) {
      this.#waiting.shift();
      if (this.#dropped++ === 0) this.#report("warn", "is too slow: events are dropped");
    }
    this.#running ??= this.#drain().finally(() => this.#running = null);
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    const { cluster, node, call = callHook } = this.#options;
    for (;;) {
      const event = this.#waiting.shift();
      if (event === undefined || this.#ending.aborted) return;
      const dropped = this.#dropped;
      this.#dropped = 0;
      if (dropped > 0) this.#report("warn", `${dropped} events dropped`, { dropped });
      const message: HookMessage = { ...event, cluster, node, dropped };
      this.#note(await call(this.#hook, message, { signal: this.#ending }));
    }
  }

  /** Tells the first failure of a row, and the success that ends it. */
  #note(problem: string | null): void {
    if (problem !== null && !this.#failing) this.#report("warn", problem);
    if (problem === null && this.#failing) this.#report("info", "works again");
    this.#failing = problem !== null;
  }

  #report(level: News["level"], text: string, fields: News["fields"] = {}): void {
    const { name } = this.#hook;
    this.#options.report({
      kind: "hook",
      level,
      text: `hook ${name}: ${text}`,
      fields: { hook: name, ...fields },
    });
  }
}
