import { describe, expect, test } from "bun:test";
import { jitterMs } from "../../../src/core/pool/health.ts";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import type { Probe } from "../../../src/shell/probe/probes.ts";
import { createProber, type Timers } from "../../../src/shell/probe/prober.ts";
import { answer, countDescriptors, serve, targetAt } from "./scripted_server.ts";

const good: ProbeResult = { ok: true, reason: "200 in 1 ms", tookMs: 1 };

/** Time that stands still until it is advanced; callbacks run in order of their moment. */
class VirtualTime implements Timers {
  nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get waiting(): number {
    return this.#timers.size;
  }

  /** Runs all that is due until `toMs`. */
  async advance(toMs: number): Promise<void> {
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.atMs <= toMs).sort((a, b) =>
        a.atMs - b.atMs
      );
      if (next === undefined) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.nowMs = toMs;
  }
}

/** Lets promises that are ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

interface Started {
  readonly key: string;
  readonly atMs: number;
  readonly signal: AbortSignal;
}

/** A prober in virtual time over a fake network where every target answers after its own delay. */
function setUp(
  { delays = {}, atOnceMax }: { delays?: Record<string, number>; atOnceMax?: number } = {},
) {
  const time = new VirtualTime();
  const clock = { now: () => time.nowMs, wallMs: () => time.nowMs };
  const started: Started[] = [];
  const reported: string[] = [];
  const busy = new Set<string>();
  let mostAtOnce = 0;
  const probe: Probe = ({ key }, { signal }) => {
    if (busy.has(key)) throw new Error(`two probes of "${key}" at once`);
    busy.add(key);
    mostAtOnce = Math.max(mostAtOnce, busy.size);
    started.push({ key, atMs: time.nowMs, signal });
    return new Promise((resolve) => {
      const end = (result: ProbeResult | null): void => {
        cancel();
        busy.delete(key);
        resolve(result);
      };
      const cancel = time.after(delays[key] ?? 1, () => end(good));
      signal.addEventListener("abort", () => end(null));
    });
  };
  const prober = createProber({
    clock,
    timers: time,
    probe,
    report: (key) => reported.push(key),
    ...(atOnceMax === undefined ? {} : { atOnceMax }),
  });
  const startsOf = (key: string) =>
    started.filter((start) => start.key === key).map((start) => start.atMs);
  return { time, prober, started, startsOf, reported, mostAtOnce: () => mostAtOnce };
}

const failed: ProbeResult = { ok: false, reason: "connection refused", tookMs: 1 };

/** A prober in virtual time whose targets fail at these turns, counted from 0. */
function troubled(failing: readonly number[], tookMs = 1) {
  const time = new VirtualTime();
  const starts: number[] = [];
  const prober = createProber({
    clock: { now: () => time.nowMs, wallMs: () => time.nowMs },
    timers: time,
    probe: () => {
      const result = failing.includes(starts.length) ? failed : good;
      starts.push(time.nowMs);
      return new Promise((resolve) => void time.after(tookMs, () => resolve(result)));
    },
    report: () => {},
  });
  return { time, prober, starts };
}

function target(key: string, intervalMs = 1_000, port = 80): ProbeTarget {
  return { ...targetAt(port, { kind: "http", intervalMs }), key };
}

describe("createProber", () => {
  test("probes a new target at once, then at its interval from start to start", async () => {
    const { time, prober, startsOf } = setUp({ delays: { a: 300 } });
    prober.setTargets([target("a"), target("b", 250)]);
    await time.advance(3_100);
    expect(startsOf("a")).toEqual([0, 1_000, 2_000, 3_000]);
    expect(startsOf("b").slice(0, 3)).toEqual([1, 251, 501]);
    expect(startsOf("b")).toHaveLength(13);
  });

  test("spreads targets that come together, in their order", async () => {
    const { time, prober, started } = setUp();
    prober.setTargets(Array.from({ length: 1_000 }, (_, index) => target(`t${index}`)));
    await time.advance(999);
    expect(started).toHaveLength(1_000);
    expect(new Set(started.map((start) => start.atMs)).size).toBe(1_000);
    expect(started[0]?.key).toBe("t0");
  });

  test("spreads targets of a short interval within that interval", async () => {
    const { time, prober, startsOf } = setUp();
    prober.setTargets(Array.from({ length: 400 }, (_, index) => target(`t${index}`, 100)));
    await time.advance(999.9);
    for (let index = 0; index < 400; index++) expect(startsOf(`t${index}`)).toHaveLength(10);
  });

  test("never has two probes of one target; one that outlasts its interval is followed at once", async () => {
    const { time, prober, startsOf } = setUp({ delays: { slow: 1_500 } });
    prober.setTargets([target("slow")]);
    await time.advance(5_000);
    expect(startsOf("slow")).toEqual([0, 1_500, 3_000, 4_500]);
  });

  test("lets hung targets delay nobody", async () => {
    const hung = Array.from({ length: 50 }, (_, index) => `hung${index}`);
    const well = Array.from({ length: 150 }, (_, index) => `well${index}`);
    const { time, prober, startsOf } = setUp({
      delays: Object.fromEntries(hung.map((key) => [key, Infinity])),
    });
    prober.setTargets([...hung, ...well].map((key) => target(key)));
    await time.advance(10_000);
    for (const key of well) {
      const starts = startsOf(key);
      const first = starts[0] ?? NaN;
      expect(starts).toEqual(
        Array.from({ length: 10 }, (_, beat) => first + beat * 1_000).filter((at) => at <= 10_000),
      );
    }
    for (const key of hung) expect(startsOf(key)).toHaveLength(1);
  });

  test("has at most as many probes at once as allowed, and gives every target its turn", async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `t${index}`);
    const { time, prober, startsOf, mostAtOnce } = setUp({
      delays: Object.fromEntries(keys.map((key) => [key, 500])),
      atOnceMax: 10,
    });
    prober.setTargets(keys.map((key) => target(key)));
    await time.advance(30_000);
    expect(mostAtOnce()).toBe(10);
    const counts = keys.map((key) => startsOf(key).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(19);
  });

  test("keeps the rhythm of a target that stays, and probes a new one at once", async () => {
    const { time, prober, startsOf } = setUp();
    prober.setTargets([target("a")]);
    await time.advance(700);
    prober.setTargets([target("a"), target("b")]);
    await time.advance(2_800);
    expect(startsOf("a")).toEqual([0, 1_000, 2_000]);
    expect(startsOf("b")).toEqual([700, 1_700, 2_700]);
  });

  test("probes at once when the check or the address of a target changes", async () => {
    const { time, prober, startsOf, started } = setUp({ delays: { a: 400 } });
    prober.setTargets([target("a")]);
    await time.advance(300);
    prober.setTargets([target("a", 1_000, 81)]);
    await time.advance(600);
    prober.setTargets([target("a", 500, 81)]);
    await time.advance(1_100);
    expect(startsOf("a")).toEqual([0, 300, 600, 1_100]);
    expect(started[0]?.signal.aborted).toBe(true);
  });

  test("aborts a removed target and never reports it", async () => {
    const { time, prober, started, reported } = setUp({ delays: { a: 400 } });
    prober.setTargets([target("a"), target("b")]);
    await time.advance(200);
    prober.setTargets([target("b")]);
    await time.advance(5_000);
    expect(started.filter((start) => start.key === "a")).toMatchObject([{
      signal: { aborted: true },
    }]);
    expect(reported).toEqual(["b", "b", "b", "b", "b"]);
  });

  test("reports nothing for a probe that says nothing about its target", async () => {
    const time = new VirtualTime();
    const reported: string[] = [];
    const prober = createProber({
      clock: { now: () => time.nowMs, wallMs: () => 0 },
      timers: time,
      probe: ({ key }) => Promise.resolve(key === "mute" ? null : good),
      report: (key) => reported.push(key),
    });
    prober.setTargets([target("mute"), target("loud")]);
    await time.advance(1_500);
    expect(reported).toEqual(["loud", "loud"]);
  });

  test("leaves out beats missed while the process stood still", async () => {
    const { time, prober, startsOf } = setUp();
    prober.setTargets([target("a")]);
    await time.advance(1_500);
    time.nowMs = 7_300;
    await time.advance(9_500);
    expect(startsOf("a")).toEqual([0, 1_000, 7_300, 8_000, 9_000]);
  });

  test("probes a target that asks nothing once", async () => {
    const { time, prober, startsOf } = setUp();
    prober.setTargets([{ ...targetAt(80, { kind: "none" }), key: "a" }]);
    await time.advance(5_000);
    expect(startsOf("a")).toEqual([0]);
  });

  test("asks more often from the first failure to the recovery, and then on whole intervals again", async () => {
    const { time, prober, starts } = troubled([1, 2, 3]);
    const check = { kind: "http", intervalMs: 1_000, fastMs: 200, fall: 2, rise: 2 } as const;
    prober.setTargets([{ ...targetAt(80, check), key: "a" }]);
    await time.advance(4_000);
    // Up at 0; failures at 1000, 1200 (down), 1400; successes at 1600, 1800 (up).
    expect(starts).toEqual([0, 1_000, 1_200, 1_400, 1_600, 1_800, 2_800, 3_800]);
  });

  test("asks at once again when a failure took longer than the fast interval", async () => {
    const { time, prober, starts } = troubled([1, 2], 500);
    const check = { kind: "http", intervalMs: 1_000, fastMs: 200, fall: 2 } as const;
    prober.setTargets([{ ...targetAt(80, check), key: "a" }]);
    await time.advance(3_300);
    // Up again at 2500: the last turn of the quick rhythm was at 2400.
    expect(starts).toEqual([0, 1_000, 1_500, 2_000]);
    await time.advance(3_500);
    expect(starts.slice(4)).toEqual([3_400]);
  });

  test("with jitter starts off its turn and never drifts from it", async () => {
    const { time, prober, starts } = troubled([]);
    const check = { kind: "http", intervalMs: 1_000, jitter: 20 } as const;
    const key = "10.0.0.1 80";
    prober.setTargets([{ ...targetAt(80, check), key }]);
    await time.advance(100_500);
    const shifts = starts.map((at, turn) => at - turn * 1_000);
    expect(starts.length).toBeGreaterThanOrEqual(100);
    expect(shifts[0]).toBe(0);
    expect(shifts.slice(1)).toEqual(
      shifts.slice(1).map((_, index) =>
        expect.closeTo(
          jitterMs({ jitter: 20 }, { key, turn: index + 1, intervalMs: 1_000 }),
          6,
        ) as unknown as number
      ),
    );
    expect(new Set(shifts).size).toBeGreaterThan(90);
  });

  test("can be given new targets from within a report", async () => {
    const time = new VirtualTime();
    const reported: string[] = [];
    const prober = createProber({
      clock: { now: () => time.nowMs, wallMs: () => 0 },
      timers: time,
      probe: () => Promise.resolve(good),
      report: (key) => {
        reported.push(key);
        prober.setTargets([target("b")]);
      },
    });
    prober.setTargets([target("a")]);
    await time.advance(1_500);
    expect(reported).toEqual(["a", "b", "b"]);
  });

  test("closed, aborts everything and leaves no timer", async () => {
    const { time, prober, started, reported } = setUp({ delays: { a: 5_000 } });
    prober.setTargets([target("a"), target("b", 100)]);
    await time.advance(50);
    prober.close();
    await settle();
    expect(time.waiting).toBe(0);
    await time.advance(5_000);
    expect(started).toHaveLength(2);
    expect(started[0]?.signal.aborted).toBe(true);
    expect(reported).toEqual(["b"]);
  });
});

describe("createProber with real sockets", () => {
  const clock = { now: () => performance.now(), wallMs: () => Date.now() };

  test("keeps 150 targets on rhythm beside 50 that hang, and leaves no descriptor", async () => {
    using well = await serve(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    using hung = await serve(() => {});
    const before = countDescriptors();
    const counts = new Map<string, number>();
    const wrong: string[] = [];
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const prober = createProber({
      clock,
      report: (key, result) => {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        if (result.ok !== key.startsWith("well")) wrong.push(`${key}: ${result.reason}`);
        if (key === "well0" && counts.get(key) === 6) resolve();
      },
    });
    const check = { kind: "http", intervalMs: 300, timeoutMs: 60_000 } as const;
    prober.setTargets(Array.from({ length: 200 }, (_, index) => ({
      ...targetAt(index % 4 === 3 ? hung.port : well.port, check),
      key: index % 4 === 3 ? `hung${index}` : `well${index}`,
    })));
    await enough;
    // Relative to the first target: nobody is more than a beat or two behind, and no hung one has answered.
    const behind = Array.from({ length: 200 }, (_, index) => index).filter((index) =>
      index % 4 !== 3 && (counts.get(`well${index}`) ?? 0) < 4
    );
    expect(behind).toEqual([]);
    expect(wrong).toEqual([]);
    expect([...counts.keys()].filter((key) => key.startsWith("hung"))).toEqual([]);
    expect(hung.open.size).toBe(50);
    prober.close();
    while (hung.open.size > 0 || countDescriptors() > before) await Bun.sleep(5);
  });

  test("hangs up on a removed target", async () => {
    using hung = await serve(() => {});
    const prober = createProber({ clock, report: () => {} });
    prober.setTargets([targetAt(hung.port, { kind: "http", timeoutMs: 60_000 })]);
    while (hung.open.size === 0) await Bun.sleep(1);
    prober.setTargets([]);
    while (hung.open.size > 0) await Bun.sleep(1);
    prober.close();
  });
});
