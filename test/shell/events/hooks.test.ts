/**
 * Hooks: in order, one at a time, bounded, and never told of themselves.
 */
import { describe, expect, test } from "bun:test";
import type { EventKind, News, TroopEvent } from "../../../src/core/event.ts";
import { type Hook, type HookMessage, hookSchema } from "../../../src/core/hook.ts";
import { HOOK_QUEUE_MAX, openHooks } from "../../../src/shell/events/hooks.ts";
import { eventually } from "../../support/eventually.ts";

function hook(name: string, fields: Partial<Hook> = {}): Hook {
  return { ...hookSchema.parse({ name, command: ["/bin/true"] }), ...fields };
}

let lastId = 0;
function event(text: string, kind: EventKind = "vip"): TroopEvent {
  return { id: ++lastId, time: "2026-01-02T12:00:00Z", kind, level: "info", text, fields: {} };
}

/** Hooks whose calls end when the test says so. */
class Bench {
  readonly begun: string[] = [];
  readonly messages: HookMessage[] = [];
  readonly reports: News[] = [];
  readonly atOnce = new Map<string, number>();
  mostAtOnce = 0;
  #ends: ((problem: string | null) => void)[] = [];
  /** Null: calls wait for {@link end}. */
  answer: ((message: HookMessage) => string | null) | null = null;
  readonly hooks;

  constructor(...list: Hook[]) {
    this.hooks = openHooks({
      hooks: list,
      cluster: "c",
      node: "n1",
      report: (news) => this.reports.push(news),
      farewellMs: 50,
      call: async ({ name }, message, { signal }) => {
        this.begun.push(`${name} ${message.text}`);
        this.messages.push(message);
        const now = (this.atOnce.get(name) ?? 0) + 1;
        this.atOnce.set(name, now);
        this.mostAtOnce = Math.max(this.mostAtOnce, now);
        const result = this.answer === null
          ? await new Promise<string | null>((resolve) => {
            this.#ends.push(resolve);
            signal.addEventListener("abort", () => resolve("was stopped"));
          })
          : await Bun.sleep(0).then(() => this.answer?.(message) ?? null);
        this.atOnce.set(name, now - 1);
        return result;
      },
    });
  }

  async end(problem: string | null = null): Promise<void> {
    this.#ends.shift()?.(problem);
    await Bun.sleep(1);
  }
}

describe("hooks", () => {
  test("get events in order and one at a time; one that is slow holds up no other", async () => {
    const bench = new Bench(hook("a"), hook("b"));
    for (const text of ["1", "2", "3"]) bench.hooks.tell(event(text));
    await Bun.sleep(1);
    expect(bench.begun).toEqual(["a 1", "b 1"]);
    await bench.end();
    expect(bench.begun).toEqual(["a 1", "b 1", "a 2"]);
    bench.answer = () => null;
    await bench.end();
    await bench.end();
    await eventually("all are told", () => bench.begun.length === 6);
    expect(bench.begun.filter((text) => text.startsWith("a"))).toEqual(["a 1", "a 2", "a 3"]);
    expect(bench.begun.filter((text) => text.startsWith("b"))).toEqual(["b 1", "b 2", "b 3"]);
    expect(bench.mostAtOnce).toBe(1);
  });

  test("get what they asked for", async () => {
    const bench = new Bench(hook("a", { events: ["server"] }));
    bench.answer = () => null;
    bench.hooks.tell(event("1", "vip"));
    bench.hooks.tell(event("2", "server"));
    bench.hooks.tell(event("3", "hook"));
    await bench.hooks.close();
    expect(bench.begun).toEqual(["a 2"]);
    expect(bench.messages[0]).toMatchObject({ cluster: "c", node: "n1", dropped: 0 });
  });

  test("in a flood the oldest are dropped, and the hook and people learn how many", async () => {
    const bench = new Bench(hook("a"));
    const extra = 37;
    for (let index = 0; index <= HOOK_QUEUE_MAX + extra; index++) {
      bench.hooks.tell(event(`${index}`));
    }
    await Bun.sleep(1);
    bench.answer = () => null;
    await bench.end();
    await eventually("all are told", () => bench.begun.length === HOOK_QUEUE_MAX + 1);
    const after = bench.messages[1]!;
    expect([after.text, after.dropped]).toEqual([`${extra + 1}`, extra]);
    expect(bench.messages.at(-1)).toMatchObject({
      text: `${HOOK_QUEUE_MAX + extra}`,
      dropped: 0,
    });
    expect(bench.reports.map(({ text }) => text)).toEqual([
      "hook a: is too slow: events are dropped",
      `hook a: ${extra} events dropped`,
    ]);
  });

  test("that fail are reported once, and once more when they work again", async () => {
    const bench = new Bench(hook("a"));
    let problem: string | null = "ended with status 1";
    bench.answer = () => problem;
    for (const text of ["1", "2", "3"]) bench.hooks.tell(event(text));
    await eventually("three calls", () => bench.begun.length === 3);
    await Bun.sleep(5);
    problem = null;
    for (const text of ["4", "5"]) bench.hooks.tell(event(text));
    await bench.hooks.close();
    expect(bench.reports.map(({ level, text }) => `${level} ${text}`)).toEqual([
      "warn hook a: ended with status 1",
      "info hook a: works again",
    ]);
  });

  test("get a moment at the end, and are ended then", async () => {
    const bench = new Bench(hook("a"));
    bench.hooks.tell(event("1"));
    bench.hooks.tell(event("2"));
    const beganMs = performance.now();
    await bench.hooks.close();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    expect(bench.begun).toEqual(["a 1"]);
  });
});
