import { describe, expect, test } from "bun:test";
import { loopDelay } from "../src/loop_delay.ts";

/** Beats of a loop that should beat every 50 ms, with the delays given. Starts at 1,000 ms. */
function beaten(delays: readonly number[]) {
  const delay = loopDelay(50, 1_000);
  let now = 1_000;
  for (const late of delays) {
    now += 50 + late;
    delay.beat(now);
  }
  return { delay, now };
}

describe("loopDelay", () => {
  test("before the first beat knows of no delay", () => {
    const { delay } = beaten([]);
    expect([delay.lastMs(), delay.maxMs(), delay.beatMs()]).toEqual([0, 0, 1_000]);
  });

  test("tells the last delay, the longest, and when the loop last ran", () => {
    const { delay, now } = beaten([0, 30, 5]);
    expect([delay.lastMs(), delay.maxMs(), delay.beatMs()]).toEqual([5, 30, now]);
  });

  test("takes an early beat for one in time", () => {
    expect(beaten([-10]).delay.lastMs()).toBe(0);
  });

  test("measures against the period it was told last", () => {
    const { delay, now } = beaten([0]);
    delay.expect(20);
    delay.beat(now + 25);
    expect(delay.lastMs()).toBe(5);
    delay.expect(1_000);
    delay.beat(now + 25 + 1_000);
    expect(delay.lastMs()).toBe(0);
  });

  test("remembers the longest delay for at least one minute and at most two", () => {
    const { delay, now } = beaten([300]);
    const seconds = (count: number, from: number) => {
      delay.expect(1_000);
      for (let second = 1; second <= count; second++) delay.beat(from + second * 1_000);
      return from + count * 1_000;
    };
    const later = seconds(60, now);
    expect(delay.maxMs()).toBe(300);
    seconds(60, later);
    expect(delay.maxMs()).toBe(0);
  });
});
