import { describe, expect, test } from "bun:test";
import {
  allowanceAt,
  changePeriodMs,
  FULL_ALLOWANCE,
  recordPeriodMs,
  welcomeDelayMs,
} from "../../../src/core/cluster/record_pace.ts";

describe("what everybody hears", () => {
  const sizes = [1, 2, 5, 10, 11, 20, 50, 100, 256];

  test.each(sizes)(
    "with %p nodes is bounded at rest, while much changes, and at a start",
    (nodes) => {
      expect(1_000 * nodes / recordPeriodMs(nodes)).toBeLessThanOrEqual(10);
      expect(1_000 * nodes / changePeriodMs(nodes)).toBeLessThanOrEqual(100);
      expect(1_000 * nodes / welcomeDelayMs(nodes - 1)).toBeLessThan(75);
    },
  );

  test("is prompt in a small cluster", () => {
    expect([2, 10].map(recordPeriodMs)).toEqual([1_000, 1_000]);
    expect(welcomeDelayMs(1)).toBe(50);
    expect(changePeriodMs(2)).toBeLessThan(40);
  });
});

describe("an allowance", () => {
  test("is three changes, grows with time, and never beyond three", () => {
    const spent = { left: 0, atMs: 1_000 };
    expect(FULL_ALLOWANCE.left).toBe(3);
    expect(allowanceAt(spent, 10, 1_050).left).toBe(0.5);
    expect(allowanceAt(spent, 10, 1_200).left).toBe(2);
    expect(allowanceAt(spent, 10, 9_000).left).toBe(3);
  });

  test("does not shrink when the clock stands still or goes back", () => {
    const before = { left: 1, atMs: 1_000 };
    expect(allowanceAt(before, 10, 1_000).left).toBe(1);
    expect(allowanceAt(before, 10, 900).left).toBe(1);
  });
});
