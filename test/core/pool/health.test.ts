import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  combineVerdicts,
  type History,
  jitterMs,
  judge,
  probeInterval,
  startHistory,
  unchecked,
} from "../../../src/core/pool/health.ts";
import { REASON_LENGTH_MAX } from "../../../src/core/limits.ts";

const good = { ok: true, reason: "200 in 3 ms", tookMs: 3 };
const bad = { ok: false, reason: "connection refused", tookMs: 1 };

/** Judges "+" as a success and "-" as a failure, one per second from second 1 on. */
function run(
  results: string,
  check: { rise: number; fall: number; initial?: "down" | "up" },
): History {
  let history = startHistory(0, { initial: check.initial ?? "down" });
  [...results].forEach((sign, index) => {
    history = judge(history, sign === "+" ? good : bad, check, (index + 1) * 1_000);
  });
  return history;
}

describe("judge", () => {
  const cases: [
    results: string,
    rise: number,
    fall: number,
    up: boolean,
    since: number,
    reason: string,
  ][] = [
    ["", 1, 2, false, 0, "not checked yet"],
    ["+", 1, 2, true, 1_000, "200 in 3 ms"],
    ["+", 3, 2, true, 1_000, "200 in 3 ms"],
    ["-", 1, 2, false, 0, "connection refused"],
    ["-+", 3, 2, false, 0, "success 1 of 3: 200 in 3 ms"],
    ["-++", 3, 2, false, 0, "success 2 of 3: 200 in 3 ms"],
    ["-+++", 3, 2, true, 4_000, "200 in 3 ms"],
    ["-++-++", 3, 2, false, 0, "success 2 of 3: 200 in 3 ms"],
    ["+-", 1, 2, true, 1_000, "failure 1 of 2: connection refused"],
    ["+-+-", 1, 2, true, 1_000, "failure 1 of 2: connection refused"],
    ["+--", 1, 2, false, 3_000, "connection refused"],
    ["+---", 1, 2, false, 3_000, "connection refused"],
    ["+--+", 1, 2, true, 4_000, "200 in 3 ms"],
    ["+-", 1, 1, false, 2_000, "connection refused"],
    ["+-+", 1, 3, true, 1_000, "200 in 3 ms"],
  ];
  test.each(cases)(
    "%j with rise %d, fall %d: up %p since %d, %j",
    (results, rise, fall, up, sinceMs, reason) => {
      expect(run(results, { rise, fall })).toMatchObject({ up, sinceMs, reason });
    },
  );
});

describe("a server that is taken to be up until its first result", () => {
  test.each<[string, boolean, number, string]>([
    ["", true, 0, "not checked yet, taken to be up"],
    ["+", true, 0, "200 in 3 ms"],
    // Before the first result there was an assumption: one is enough to end it.
    ["-", false, 1_000, "connection refused"],
    ["+-", true, 0, "failure 1 of 2: connection refused"],
    ["-+", false, 1_000, "success 1 of 2: 200 in 3 ms"],
  ])("after %j", (results, up, sinceMs, reason) => {
    const history = run(results, { rise: 2, fall: 2, initial: "up" });
    expect(history).toMatchObject({ up, sinceMs, reason });
  });

  test("says so before it has a history", () => {
    expect(unchecked({ initial: "up" })).toEqual({
      up: true,
      reason: "not checked yet, taken to be up",
    });
    expect(unchecked({ initial: "down" })).toEqual({ up: false, reason: "not checked yet" });
  });
});

describe("probeInterval", () => {
  test.each<[string, number | null, boolean, number, number]>([
    ["steady", 200, true, 0, 1_000],
    ["about to go down", 200, true, 1, 200],
    ["down", 200, false, 0, 200],
    ["about to come back", 200, false, 1, 200],
    ["down, no hurry asked for", null, false, 0, 1_000],
    ["down, a longer fast interval is none", 5_000, false, 0, 1_000],
  ])("%s", (_, fastMs, up, streak, expected) => {
    expect(probeInterval({ intervalMs: 1_000, fastMs }, { up, streak, checked: true })).toBe(
      expected,
    );
  });
});

test("probeInterval is in no hurry before the first result", () => {
  const history = { up: false, streak: 0, checked: false };
  expect(probeInterval({ intervalMs: 1_000, fastMs: 200 }, history)).toBe(1_000);
});

describe("jitterMs", () => {
  const shift = (turn: number, jitter: number, key = "10.0.0.1 80") =>
    jitterMs({ jitter }, { key, turn, intervalMs: 1_000 });

  test("is none where none is asked for", () => {
    expect(shift(5, 0)).toBe(0);
  });

  test("is the same for one target and turn, and another for others", () => {
    expect(shift(5, 10)).toBe(shift(5, 10));
    expect(shift(6, 10)).not.toBe(shift(5, 10));
    expect(shift(5, 10, "10.0.0.2 80")).not.toBe(shift(5, 10));
  });

  test("uses its whole room evenly, both ways", () => {
    const shifts = Array.from({ length: 1_000 }, (_, turn) => shift(turn, 10));
    expect(Math.max(...shifts.map(Math.abs))).toBeLessThanOrEqual(100);
    for (const [from, to] of [[-100, -50], [-50, 0], [0, 50], [50, 100]] as const) {
      const inside = shifts.filter((value) => value >= from && value < to).length;
      expect(inside).toBeGreaterThan(200);
      expect(inside).toBeLessThan(300);
    }
  });
});

test("judge keeps how long the last probe took", () => {
  expect(run("+-", { rise: 1, fall: 3 }).tookMs).toBe(1);
});

test("judge changes its mind only after rise or fall results in a row that say so", () => {
  const input = fc.record({
    signs: fc.string({ unit: fc.constantFrom("+", "-"), maxLength: 40 }),
    rise: fc.integer({ min: 1, max: 5 }),
    fall: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(fc.property(input, ({ signs, rise, fall }) => {
    let model = false;
    for (let length = 1; length <= signs.length; length++) {
      const soFar = signs.slice(0, length);
      if (soFar === "+") model = true;
      else if (model && soFar.endsWith("-".repeat(fall))) model = false;
      else if (!model && soFar.endsWith("+".repeat(rise))) model = true;
      expect(run(soFar, { rise, fall }).up).toBe(model);
    }
  }));
});

test("judge bounds the reason, which travels between nodes", () => {
  const { reason } = judge(startHistory(0, { initial: "down" }), {
    ...bad,
    reason: "x".repeat(5_000),
  }, {
    rise: 1,
    fall: 1,
  }, 1);
  expect(reason).toHaveLength(REASON_LENGTH_MAX);
});

describe("combineVerdicts", () => {
  const up = { up: true, reason: "200 in 1 ms" };
  const reached = { up: true, reason: "200 in 2 ms" };
  const down = { up: false, reason: "connection refused" };
  const lost = { up: false, reason: "timed out" };
  const cases: [own: typeof up | null, holder: typeof up | null, up: boolean, reason: string][] = [
    [up, reached, true, "itself: 200 in 1 ms; holder: 200 in 2 ms"],
    [up, lost, false, "holder: timed out; itself: 200 in 1 ms"],
    [down, reached, false, "itself: connection refused; holder: 200 in 2 ms"],
    [down, lost, false, "itself: connection refused; holder: timed out"],
    [up, null, true, "itself: 200 in 1 ms; holder has not checked"],
    [down, null, false, "itself: connection refused; holder has not checked"],
    [null, reached, false, "itself: no verdict yet; holder: 200 in 2 ms"],
    [null, null, false, "itself: no verdict yet; holder has not checked"],
  ];
  test.each(cases)("%j and %j: up %p, %j", (own, holder, isUp, reason) => {
    expect(combineVerdicts(own, holder)).toEqual({ up: isUp, reason });
  });
});
