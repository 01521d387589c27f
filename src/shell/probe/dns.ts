/**
 * The DNS probe: asks for one name, over UDP or TCP. A server is well when it answers the question that was
 * asked, without an error, and one of its records matches.
 */
import { randomInt } from "node:crypto";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure, runAttempt } from "./attempt.ts";
import { converse, type TalkContext } from "./connection.ts";
import { ask } from "./datagram.ts";
import { type DnsQuestion, encodeQuestion, judgeAnswer, MESSAGE_BYTES_MAX } from "./dns_message.ts";

/** Ids are 16 bits (RFC 1035, 4.1.1). */
const IDS = 0x1_0000;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeDns(
  target: ProbeTarget<CheckOf<"dns">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { name, type, transport } = target.check;
  const question = { id: randomInt(IDS), name, type };
  return transport === "tcp"
    ? askByTcp(target, context, question)
    : askByUdp(target, context, question);
}

function askByUdp(
  target: ProbeTarget<CheckOf<"dns">>,
  context: TalkContext,
  question: DnsQuestion,
): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) => {
    const pattern = context.pattern(target.check.expect);
    if (typeof pattern === "string") {
      attempt.fail(pattern);
      return () => {};
    }
    return ask(attempt, target, {
      payload: encodeQuestion(question),
      receive(reply) {
        const { outcome, words } = judgeAnswer(reply, question, pattern);
        if (outcome === "pass") attempt.pass(words);
        else if (outcome === "fail") attempt.fail(words);
        // Anybody can send a datagram with the server's address; only who read the question knows its id.
        else attempt.phase = `while waiting for an answer (${words})`;
      },
    });
  });
}

/** Messages have their length in front (RFC 1035, 4.2.2). */
function askByTcp(
  target: ProbeTarget<CheckOf<"dns">>,
  context: TalkContext,
  question: DnsQuestion,
): Promise<ProbeResult | null> {
  return converse(target, context, async (connection) => {
    const pattern = context.pattern(target.check.expect);
    if (typeof pattern === "string") throw new ProbeFailure(pattern);
    const message = encodeQuestion(question);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    connection.write(Buffer.concat([length, message]));
    const bytes = (await connection.bytes("an answer", 2)).readUInt16BE();
    if (bytes > MESSAGE_BYTES_MAX) {
      throw new ProbeFailure(`answer longer than ${MESSAGE_BYTES_MAX} bytes`);
    }
    const answer = await connection.bytes("the rest of the answer", bytes);
    const { outcome, words } = judgeAnswer(answer, question, pattern);
    if (outcome !== "pass") throw new ProbeFailure(words);
    return words;
  });
}
