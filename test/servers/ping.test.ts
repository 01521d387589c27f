/** Pings of a real kernel: one that answers, one that is told not to, and a network nobody leads to. */
import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { ProbeResult } from "../../src/ports.ts";
import { createProbe } from "../../src/shell/probe/probes.ts";
import { targetAt } from "../shell/probe/scripted_server.ts";

/** Of this network namespace alone, see icmp(7). */
function answerPings(answer: boolean): void {
  writeFileSync("/proc/sys/net/ipv4/icmp_echo_ignore_all", answer ? "0" : "1");
}
afterEach(() => answerPings(true));

function ping(address = "127.0.0.1"): Promise<ProbeResult | null> {
  const target = { ...targetAt(1, { kind: "ping", timeoutMs: 500 }), address };
  const clock = { now: () => performance.now(), wallMs: () => Date.now() };
  return createProbe()(target, { clock, signal: new AbortController().signal });
}

test("a kernel that answers, that does not, and that does again", async () => {
  expect(await ping()).toMatchObject({ ok: true });
  answerPings(false);
  expect(await ping()).toMatchObject({
    ok: false,
    reason: expect.stringMatching(/timed out after 500 ms/),
  });
  answerPings(true);
  expect(await ping()).toMatchObject({ ok: true });
});

test("an address no route leads to", async () => {
  const result = await ping("192.0.2.1");
  expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/no route/) });
});
