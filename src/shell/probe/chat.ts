/**
 * The send/expect probe: a conversation in steps, as the operator wrote it.
 *
 * What an `expect` searches is all that came since the last `send`, so that two in a row may find their texts in any
 * order and however the answer is cut into segments (HAProxy's tcp-check has the same rule).
 */
import { escapedBytes } from "../../core/check/escapes.ts";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure, quote } from "./attempt.ts";
import { type Connection, converse, type TalkContext } from "./connection.ts";

/** Most bytes of an answer: a reply of a line protocol has a few hundred, and all of it is searched again as it grows. */
export const ANSWER_BYTES_MAX = 65_536;

type Step = CheckOf<"chat">["steps"][number];

/** What a step looks for. */
interface Wanted {
  /** As an operator knows it: `"OK"`, `/^2\d\d/`. */
  readonly words: string;
  found(answer: Buffer): boolean;
}

/** Goes through the steps. Resolves as {@link converse} does. */
export function probeChat(
  target: ProbeTarget<CheckOf<"chat">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  return converse(target, context, async (connection) => {
    const { steps } = target.check;
    for (const [index, step] of steps.entries()) {
      if ("send" in step) {
        connection.discard();
        connection.write(escapedBytes(step.send));
      } else {
        await answered(connection, wantedBy(step, context), `step ${index + 1}`);
      }
    }
    return steps.length === 1 ? "1 step" : `${steps.length} steps`;
  });
}

function wantedBy(step: Exclude<Step, { send: string }>, context: TalkContext): Wanted {
  if (!step.regex) {
    const bytes = escapedBytes(step.expect);
    return { words: `"${quote(step.expect)}"`, found: (answer) => answer.includes(bytes) };
  }
  const pattern = context.pattern(step.expect);
  if (typeof pattern === "string") throw new ProbeFailure(pattern);
  return {
    words: `/${quote(step.expect)}/`,
    found: (answer) => pattern?.found(answer.toString("utf8")) ?? true,
  };
}

/** Takes nothing: the next `expect` searches the same answer. */
function answered(connection: Connection, { words, found }: Wanted, step: string): Promise<void> {
  return connection.take(`${words} (${step})`, (answer) => {
    if (found(answer)) return { value: undefined, bytes: 0 };
    if (answer.length > ANSWER_BYTES_MAX) {
      throw new ProbeFailure(`${ANSWER_BYTES_MAX} bytes came without ${words} (${step})`);
    }
    const came = answer.length === 0 ? "" : `, "${quote(answer.toString("utf8", 0, 200))}" came`;
    connection.waitFor(`${words} (${step})${came}`);
    return undefined;
  });
}
