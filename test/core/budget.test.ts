/** Buckets that fill up with time. */
import { describe, expect, test } from "bun:test";
import { fullBudget, spend } from "../../src/core/budget.ts";

const limits = { burst: 10, perSecond: 2 };

describe("spend", () => {
  test("gives the burst at once, then what time brings", () => {
    const budget = fullBudget(limits, 1_000);
    const take = (amount: number, now: number) => spend(budget, limits, { amount, now });
    expect(take(10, 1_000)).toBe(true);
    expect(take(1, 1_000)).toBe(false);
    expect(take(1, 1_400)).toBe(false);
    expect(take(1, 1_500)).toBe(true);
    expect(take(1, 1_500)).toBe(false);
  });

  test("takes nothing when it refuses", () => {
    const budget = fullBudget(limits, 0);
    expect(spend(budget, limits, { amount: 11, now: 0 })).toBe(false);
    expect(spend(budget, limits, { amount: 10, now: 0 })).toBe(true);
  });

  test("is never more than the burst, and a clock that goes back gives nothing", () => {
    const budget = fullBudget(limits, 0);
    expect(spend(budget, limits, { amount: 10, now: 1_000_000 })).toBe(true);
    expect(spend(budget, limits, { amount: 1, now: 0 })).toBe(false);
    expect(spend(budget, limits, { amount: 1, now: 100 })).toBe(false);
  });
});
