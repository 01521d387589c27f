/**
 * The DNS probe: asks for one name, over UDP or TCP. A server is well when it answers the question that was
 * asked, without an error, and one of its records matches.
 */
import { randomInt } from "node:crypto";
import type { CheckOf } from "../../core/check.ts";
import type { Pattern } from "../../core/regex.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, runAttempt } from "./attempt.ts";
import { ask } from "./datagram.ts";
import { type DnsQuestion, encodeQuestion, judgeAnswer } from "./dns_message.ts";
import type { ProbeOf } from "./probe.ts";

/** Ids are 16 bits (RFC 1035, 4.1.1). */
const IDS = 0x1_0000;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeDns(
  target: ProbeTarget<CheckOf<"dns">>,
  context: Parameters<ProbeOf<"dns">>[1],
): Promise<ProbeResult | null> {
  const { check } = target;
  return runAttempt(check.timeoutMs, context, (attempt) => {
    const pattern = context.pattern(check.expect);
    if (typeof pattern === "string") {
      attempt.fail(pattern);
      return () => {};
    }
    const question = { id: randomInt(IDS), name: check.name, type: check.type };
    return ask(attempt, target, {
      payload: encodeQuestion(question),
      receive: (reply) => judge(attempt, reply, question, pattern),
    });
  });
}

function judge(
  attempt: Attempt,
  reply: Buffer,
  question: DnsQuestion,
  pattern: Pattern | null,
): void {
  const { outcome, words } = judgeAnswer(reply, question, pattern);
  if (outcome === "pass") attempt.pass(words);
  else if (outcome === "fail") attempt.fail(words);
  // Anybody can send a datagram with the server's address; only who read the question knows its id.
  else attempt.phase = `while waiting for an answer (${words})`;
}
