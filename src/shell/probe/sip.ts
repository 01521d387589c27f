/**
 * The SIP probe: an OPTIONS request over UDP or TCP, whose final answer must have one of the statuses that are right.
 */
import { randomBytes } from "node:crypto";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure, quote, runAttempt } from "./attempt.ts";
import { type Connection, converse, type TalkContext } from "./connection.ts";
import { ask } from "./datagram.ts";
import {
  defaultUri,
  encodeOptions,
  HEAD_BYTES_MAX,
  readHead,
  type SipAnswer,
  type SipQuestion,
} from "./sip_message.ts";

type SipTarget = ProbeTarget<CheckOf<"sip">>;

/** Statuses below are provisional: another answer follows (RFC 3261, 7.2). */
const FINAL = 200;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeSip(target: SipTarget, context: TalkContext): Promise<ProbeResult | null> {
  const { uri, transport } = target.check;
  const random = (): string => randomBytes(12).toString("hex");
  const question = {
    uri: uri ?? defaultUri(target.address),
    transport,
    branch: random(),
    callId: random(),
    tag: random(),
  };
  return transport === "tcp"
    ? askByTcp(target, context, question)
    : askByUdp(target, context, question);
}

function askByUdp(
  target: SipTarget,
  context: TalkContext,
  question: SipQuestion,
): Promise<ProbeResult | null> {
  return runAttempt(target.check.timeoutMs, context, (attempt) =>
    ask(attempt, target, {
      payload: Buffer.from(encodeOptions(question)),
      receive(datagram) {
        if (datagram.length > HEAD_BYTES_MAX) return attempt.fail(tooLong());
        const text = datagram.toString("utf8");
        const answer = readHead(text.split(/\r?\n\r?\n/, 1)[0]!, question);
        if (answer === undefined) return attempt.fail(nonsense(text));
        if (!answer.ours) {
          attempt.phase = "while waiting for an answer (one to another request came)";
        } else if (answer.status < FINAL) {
          attempt.phase = `while waiting for more than ${quote(answer.words)}`;
        } else if (isRight(answer, target)) attempt.pass(quote(answer.words));
        else attempt.fail(wrongStatus(answer, target));
      },
    }));
}

function askByTcp(
  target: SipTarget,
  context: TalkContext,
  question: SipQuestion,
): Promise<ProbeResult | null> {
  return converse(target, context, async (connection) => {
    connection.write(encodeOptions(question));
    for (;;) {
      const head = await takeHead(connection);
      const answer = readHead(head, question);
      if (answer === undefined) throw new ProbeFailure(nonsense(head));
      if (!answer.ours) throw new ProbeFailure("answered another request");
      if (isRight(answer, target)) return quote(answer.words);
      if (answer.status >= FINAL) throw new ProbeFailure(wrongStatus(answer, target));
      if (answer.bodyBytes > HEAD_BYTES_MAX) throw new ProbeFailure(tooLong());
      await connection.bytes("the body of a provisional answer", answer.bodyBytes);
    }
  });
}

function takeHead(connection: Connection): Promise<string> {
  return connection.take("an answer", (unread) => {
    const end = unread.indexOf("\r\n\r\n");
    if (end > HEAD_BYTES_MAX || (end < 0 && unread.length > HEAD_BYTES_MAX)) {
      throw new ProbeFailure(tooLong());
    }
    if (end < 0) return undefined;
    return { value: unread.toString("utf8", 0, end), bytes: end + 4 };
  });
}

function isRight({ status }: SipAnswer, { check }: SipTarget): boolean {
  return status >= FINAL && check.status.some(([first, last]) => first <= status && status <= last);
}

function wrongStatus({ words }: SipAnswer, { check }: SipTarget): string {
  const ranges = check.status.map(([first, last]) => first === last ? first : `${first}-${last}`);
  return `status ${quote(words)}, want ${ranges.join(" or ")}`;
}

function nonsense(text: string): string {
  return `not a SIP answer: "${quote(text.slice(0, 200))}"`;
}

function tooLong(): string {
  return `answer longer than ${HEAD_BYTES_MAX} bytes`;
}
