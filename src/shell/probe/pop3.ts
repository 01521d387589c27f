/**
 * The POP3 probe (RFC 1939): greeting, STLS (RFC 2595) and a login when the check says so, QUIT.
 */
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure, quote } from "./attempt.ts";
import { converse, type TalkContext } from "./connection.ts";
import { concealed, passwordForms } from "./status_reply.ts";

/** Asks once. Resolves as {@link runAttempt} does. */
export function probePop3(
  target: ProbeTarget<CheckOf<"pop3">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  return converse(target, context, async (connection) => {
    const expect = async (what: string): Promise<void> => {
      const line = await connection.line(what);
      if (/^\+OK\b/i.test(line)) return;
      const shown = quote(concealed(line, passwordForms(check)));
      throw new ProbeFailure(
        /^-ERR\b/i.test(line) ? `${what}: "${shown}", want +OK` : `not a POP3 reply: "${shown}"`,
      );
    };
    const ask = (command: string, what: string): Promise<void> => {
      connection.write(`${command}\r\n`);
      return expect(what);
    };
    await expect("the greeting");
    if (check.security === "starttls") {
      await ask("STLS", "the answer to STLS");
      await connection.startTls();
    }
    if (check.user !== null) {
      await ask(`USER ${check.user}`, "the login's question");
      await ask(`PASS ${check.password ?? ""}`, "the login");
    }
    await ask("QUIT", "the answer to QUIT");
    return check.user === null ? "greeted" : "logged in";
  });
}
