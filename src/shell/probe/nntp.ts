/**
 * The NNTP probe (RFC 3977): greeting, STARTTLS (RFC 4642) and a login (RFC 4643) when the check says so, QUIT.
 */
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { converse, type TalkContext } from "./connection.ts";
import { expectReply, passwordForms, type StatusReply } from "./status_reply.ts";

/** Posting allowed, and not (RFC 3977, 5.1). */
const GREETINGS = [200, 201];
/** Logged in; password wanted (RFC 4643, 2.3). */
const LOGGED_IN = 281;
const PASSWORD_WANTED = 381;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeNntp(
  target: ProbeTarget<CheckOf<"nntp">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  const dialect = { replyName: "an NNTP reply", secrets: passwordForms(check) };
  return converse(target, context, async (connection) => {
    const ask = (command: string, what: string, codes: number[]): Promise<StatusReply> => {
      connection.write(`${command}\r\n`);
      return expectReply(connection, { what, codes, dialect });
    };
    await expectReply(connection, { what: "the greeting", codes: GREETINGS, dialect });
    if (check.security === "starttls") {
      await ask("STARTTLS", "the answer to STARTTLS", [382]);
      await connection.startTls();
    }
    if (check.user !== null) {
      const codes = [PASSWORD_WANTED, LOGGED_IN];
      const { code } = await ask(`AUTHINFO USER ${check.user}`, "the login's question", codes);
      if (code === PASSWORD_WANTED) {
        await ask(`AUTHINFO PASS ${check.password ?? ""}`, "the login", [LOGGED_IN]);
      }
    }
    await ask("QUIT", "the answer to QUIT", [205]);
    return check.user === null ? "greeted" : "logged in";
  });
}
