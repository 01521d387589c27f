/**
 * The UDP probe: sends one datagram. With an expected text a reply must contain it; without, only an ICMP
 * error is a failure and silence is well, because a daemon need not answer what it does not understand.
 *
 * Silence also comes from a machine that is off, and hosts send few ICMP errors (Linux: one a second to each
 * asker, icmp_ratelimit in icmp(7)): whoever can should expect a reply.
 */
import type { CheckOf } from "../../core/check.ts";
import { escapedBytes } from "../../core/check/escapes.ts";
import type { Pattern } from "../../core/regex.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, quote, runAttempt } from "./attempt.ts";
import { ask } from "./datagram.ts";
import type { ProbeOf } from "./probe.ts";

/** Part of the timeout after which silence is well: before the deadline, which would call it a failure. */
const SILENCE_SHARE = 0.9;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeUdp(
  target: ProbeTarget<CheckOf<"udp">>,
  context: Parameters<ProbeOf<"udp">>[1],
): Promise<ProbeResult | null> {
  const { check } = target;
  return runAttempt(check.timeoutMs, context, (attempt) => {
    const pattern = context.pattern(check.expect);
    if (typeof pattern === "string") {
      attempt.fail(pattern);
      return () => {};
    }
    const close = ask(attempt, target, {
      payload: escapedBytes(check.send),
      receive: (reply) => judge(attempt, reply, pattern),
    });
    if (pattern !== null) return close;
    const silence = setTimeout(
      () => attempt.pass("no reply expected, and no ICMP error"),
      check.timeoutMs * SILENCE_SHARE,
    );
    return () => {
      clearTimeout(silence);
      close();
    };
  });
}

function judge(attempt: Attempt, reply: Buffer, pattern: Pattern | null): void {
  if (pattern === null || pattern.found(reply.toString("utf8"))) {
    return attempt.pass(`answered ${reply.length} bytes`);
  }
  attempt.fail(`reply "${quote(reply.toString("utf8"))}" lacks /${quote(pattern.source)}/`);
}
