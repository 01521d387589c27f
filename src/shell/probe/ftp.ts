/**
 * The FTP probe (RFC 959): greeting, AUTH TLS (RFC 4217) and a login when the check says so, QUIT. TLS from the first
 * byte is what port 990 has. No data connection is made.
 */
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { converse, type TalkContext } from "./connection.ts";
import { expectReply, passwordForms, type StatusReply } from "./status_reply.ts";

/** Logged in; logged in without need of a password; password wanted (RFC 959, 5.4). */
const LOGGED_IN = 230;
const SUPERFLUOUS = 202;
const PASSWORD_WANTED = 331;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeFtp(
  target: ProbeTarget<CheckOf<"ftp">>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  const dialect = { replyName: "an FTP reply", secrets: passwordForms(check) };
  return converse(target, context, async (connection) => {
    const ask = (command: string, what: string, codes: number[]): Promise<StatusReply> => {
      connection.write(`${command}\r\n`);
      return expectReply(connection, { what, codes, dialect });
    };
    await expectReply(connection, { what: "the greeting", codes: [220], dialect });
    if (check.security === "starttls") {
      await ask("AUTH TLS", "the answer to AUTH TLS", [234]);
      await connection.startTls();
    }
    if (check.user !== null) {
      const codes = [PASSWORD_WANTED, LOGGED_IN];
      const { code } = await ask(`USER ${check.user}`, "the login's question", codes);
      if (code === PASSWORD_WANTED) {
        await ask(`PASS ${check.password ?? ""}`, "the login", [LOGGED_IN, SUPERFLUOUS]);
      }
    }
    await ask("QUIT", "the answer to QUIT", [221]);
    return check.user === null ? "greeted" : "logged in";
  });
}
