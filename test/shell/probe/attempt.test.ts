import { describe, expect, test } from "bun:test";
import { failConnection, quote, runAttempt } from "../../../src/shell/probe/attempt.ts";
import type { ProbeResult } from "../../../src/ports.ts";

/** Fails an attempt with an error of node:net, so long after its start. */
function failAfter(tookMs: number, code: string, message = ""): Promise<ProbeResult | null> {
  let nowMs = 0;
  const context = {
    clock: { now: () => nowMs, wallMs: () => 0 },
    signal: new AbortController().signal,
  };
  return runAttempt(5_000, context, (attempt) => {
    nowMs = tookMs;
    failConnection(attempt, Object.assign(new Error(message), { code }));
    return () => {};
  });
}

describe("failConnection says", () => {
  const cases: [code: string, tookMs: number, reason: string][] = [
    ["ECONNREFUSED", 1, "connection refused"],
    // Bun gives EHOSTUNREACH this name too, and unanswered ARP takes its time.
    ["ECONNREFUSED", 800, "no connection: refused, or the host is unreachable"],
    ["EHOSTUNREACH", 1, "no route to host"],
    ["ENETUNREACH", 1, "no route to host"],
    ["EACCES", 1, "connection forbidden by a route or packet filter of this node"],
    ["ECONNRESET", 1, "connection reset while connecting"],
    ["ETIMEDOUT", 1, "timed out while connecting"],
    ["ESTRANGE", 1, "ESTRANGE while connecting"],
  ];
  test.each(cases)("%s after %d ms: %s", async (code, tookMs, reason) => {
    expect(await failAfter(tookMs, code)).toEqual({ ok: false, reason, tookMs });
  });

  test.each(["EMFILE", "ENFILE", "ENOBUFS", "EADDRNOTAVAIL"])(
    "nothing on %s, which is our own fault",
    async (code) => {
      expect(await failAfter(1, code)).toBeNull();
    },
  );
});

describe("runAttempt", () => {
  const clock = { now: () => performance.now(), wallMs: () => Date.now() };

  test("counts only the first end, and cleans up once", async () => {
    let cleaned = 0;
    const { signal } = new AbortController();
    const result = await runAttempt(5_000, { clock, signal }, (attempt) => {
      queueMicrotask(() => {
        attempt.fail("first");
        attempt.pass("second");
        attempt.giveUp();
      });
      return () => cleaned++;
    });
    expect(result).toMatchObject({ ok: false, reason: "first" });
    expect(cleaned).toBe(1);
  });

  test("cleans up when it ends before it has begun", async () => {
    let cleaned = 0;
    const { signal } = new AbortController();
    await runAttempt(5_000, { clock, signal }, (attempt) => {
      attempt.fail("at once");
      return () => cleaned++;
    });
    expect(cleaned).toBe(1);
  });

  test("turns what a probe throws into a failure", async () => {
    const { signal } = new AbortController();
    const result = await runAttempt(5_000, { clock, signal }, () => {
      throw new Error("bad\nnews");
    });
    expect(result).toMatchObject({ ok: false, reason: "cannot ask: bad?news" });
  });
});

test("quote keeps one short line of what a stranger wrote", () => {
  expect(quote("a\r\nb\u001b[31m")).toBe("a??b?[31m");
  expect(quote("x".repeat(1_000))).toHaveLength(120);
});
