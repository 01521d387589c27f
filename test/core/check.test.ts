import { describe, expect, test } from "bun:test";
import {
  type Check,
  checkSchema,
  NO_CHECK,
  parseCheck,
  regexProblem,
  TCP_CHECK,
} from "../../src/core/check.ts";

/** What every check has beside its kind and port. */
const DEFAULTS = {
  intervalMs: 1_000,
  fastMs: null,
  jitter: 0,
  timeoutMs: 1_000,
  rise: 1,
  fall: 2,
  initial: "down",
  at: "server",
  source: null,
  device: null,
};

describe("checkSchema", () => {
  test("fills in what is left out", () => {
    expect(TCP_CHECK).toEqual({ ...DEFAULTS, kind: "tcp", port: null } as Check);
    expect(NO_CHECK).toEqual({ ...DEFAULTS, kind: "none", port: null } as Check);
  });

  test("refuses fields it does not know: a misspelt one must not be ignored", () => {
    expect(checkSchema.safeParse({ kind: "tcp", port: null, interval: 1 }).success).toBe(false);
  });

  test("parseCheck hands out a check of its own each time", () => {
    expect(parseCheck("none")).not.toBe(parseCheck("none"));
  });
});

test("regexProblem says nothing about an expression that works, and names one that does not", () => {
  expect(regexProblem("Test (Page|Site)")).toBeUndefined();
  expect(regexProblem("[a")).toContain("[a");
});
