import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { combineVerdicts, type History, judge, startHistory } from "../../src/core/health.ts";
import { REASON_LENGTH_MAX } from "../../src/core/limits.ts";

const good = { ok: true, reason: "200 in 3 ms", tookMs: 3 };
const bad = { ok: false, reason: "connection refused", tookMs: 1 };

/** Judges "+" as a success and "-" as a failure, one per second from second 1 on. */
function run(results: string, check: { rise: number; fall: number }): History {
  let history = startHistory(0);
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
  const { reason } = judge(startHistory(0), { ...bad, reason: "x".repeat(5_000) }, {
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
