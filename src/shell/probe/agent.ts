/**
 * HAProxy's agent-check: one line from the server about its own weight and state. A server whose agent cannot be reached,
 * or says nothing that can be understood, is judged as if it were not asked: its agent may be down while it serves.
 */
import { parseAdvice } from "../../core/pool/advice.ts";
import { escapedBytes } from "../../core/check/escapes.ts";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure, quote } from "./attempt.ts";
import { type Connection, converse, LINE_BYTES_MAX, type TalkContext } from "./connection.ts";

/** Asks once. Resolves with what the agent says, in `advice` too; with null when it says nothing. */
export async function probeAgent(
  target: ProbeTarget<CheckOf<"agent">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const result = await converse(target, context, async (connection) => {
    if (target.check.send !== "") connection.write(escapedBytes(target.check.send));
    const advice = parseAdvice(await statement(connection));
    if (typeof advice === "string") throw new ProbeFailure(quote(advice));
    const words = quote(advice.words);
    return { words: `agent says "${words}"`, advice: { ...advice, words } };
  });
  if (result === null || !result.ok) return null;
  return { ...result, ok: result.advice?.state !== "down" };
}

/** A line, or what came until the end: agents that are one `echo` in inetd may leave out the newline. */
function statement(connection: Connection): Promise<string> {
  return connection.take("the agent's line", (unread, ended) => {
    const end = unread.indexOf(0x0a);
    if (unread.length > LINE_BYTES_MAX) throw new ProbeFailure("the agent's line is too long");
    if (end < 0 && !ended) return undefined;
    const bytes = end < 0 ? unread.length : end + 1;
    return { value: unread.toString("utf8", 0, bytes).trim(), bytes };
  });
}
