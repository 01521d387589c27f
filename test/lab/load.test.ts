/** How requests are summed up: the figures that scenarios, demo and bench go by. */
import { describe, expect, test } from "bun:test";
import { requireFewFailures, summarize } from "./load.ts";
import type { RequestLine } from "./load_client.ts";

const answered = (at: number, ms: number, server: string): RequestLine => ({
  at,
  ms,
  server,
  error: null,
});
const failed = (at: number, ms: number, error: string): RequestLine => ({
  at,
  ms,
  server: null,
  error,
});

const lines = [
  answered(1_000, 2, "n1"),
  answered(1_020, 4, "n2"),
  failed(1_040, 1_000, "timeout"),
  failed(1_060, 1, "refused"),
  answered(1_500, 10, "n2"),
];

describe("summarize", () => {
  test("counts requests, failures by kind and answers by server", () => {
    expect(summarize(lines)).toMatchObject({
      requests: 5,
      failed: 2,
      answers: { n1: 1, n2: 2 },
      errors: { refused: 1, timeout: 1 },
      p50Ms: 4,
      maxMs: 10,
    });
  });

  test("measures the longest time between two answers, whatever their order in the list", () => {
    expect(summarize(lines).silenceMs).toBe(530);
    expect(summarize(lines.toReversed()).silenceMs).toBe(530);
    expect(summarize(lines.slice(0, 4)).silenceMs).toBe(1_016);
  });

  test("counts silence from the first request to the end of the last when nobody answers", () => {
    expect(summarize([failed(0, 1_000, "timeout"), failed(20, 1_000, "timeout")]).silenceMs).toBe(
      1_020,
    );
    expect(summarize([]).silenceMs).toBe(0);
  });
});

describe("requireFewFailures", () => {
  test("throws with every failure and its time when there are too many, and only then", () => {
    expect(() => requireFewFailures(lines, 2)).not.toThrow();
    expect(() => requireFewFailures(lines, 1)).toThrow("0.04 s timeout, 0.06 s refused");
  });
});
