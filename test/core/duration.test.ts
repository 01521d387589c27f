import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../src/core/duration.ts";

describe("parseDuration", () => {
  test.each([
    ["500ms", 500],
    ["1s", 1_000],
    ["1.5s", 1_500],
    ["0.0005s", undefined],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["0s", 0],
    ["1", undefined],
    ["s", undefined],
    ["-1s", undefined],
    ["1 s", undefined],
    ["1S", undefined],
    ["1e3ms", undefined],
    ["", undefined],
    ["1s ", undefined],
    ["9999999999ms", undefined],
  ])("parseDuration(%j) is %p", (text, ms) => {
    expect(parseDuration(text)).toBe(ms as number);
  });

  test("parseDuration reads every whole number of milliseconds back", () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), (ms) => expect(parseDuration(`${ms}ms`)).toBe(ms)),
    );
  });
});

describe("formatDuration", () => {
  test.each([
    [0, "0 ms"],
    [85.4, "85 ms"],
    [999, "999 ms"],
    [1_000, "1 s"],
    [1_250, "1.2 s"],
    [59_990, "59.9 s"],
    [60_000, "1 min"],
    [3_725_000, "1 h"],
  ])("formatDuration(%p) is %j", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
