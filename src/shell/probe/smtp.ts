/**
 * The SMTP probe (RFC 5321): greeting, EHLO, STARTTLS (RFC 3207) and a login (RFC 4954) when the check says so,
 * QUIT. It also checks submission, which is SMTP on another port (RFC 6409). No message is sent.
 */
import { hostname } from "node:os";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure } from "./attempt.ts";
import { type Connection, converse, type TalkContext } from "./connection.ts";
import {
  base64,
  type Dialect,
  expectReply,
  passwordForms,
  plainResponse,
  type StatusReply,
} from "./status_reply.ts";

type SmtpCheck = CheckOf<"smtp">;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeSmtp(
  target: ProbeTarget<SmtpCheck>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  const dialect = { replyName: "an SMTP reply", secrets: passwordForms(check) };
  return converse(target, context, async (connection) => {
    const session = new Session(connection, dialect);
    await session.reply("the greeting", 220);
    let offers = await session.hello(check.hello ?? hostname());
    if (check.security === "starttls") {
      if (!offers.has("STARTTLS")) throw new ProbeFailure("server offers no STARTTLS");
      await session.ask("STARTTLS", { what: "the answer to STARTTLS", code: 220 });
      await connection.startTls();
      // What was offered in plain text counts no more (RFC 3207, 4.2).
      offers = await session.hello(check.hello ?? hostname());
    }
    if (check.user !== null) await logIn(session, check, offers);
    await session.ask("QUIT", { what: "the answer to QUIT", code: 221 });
    return check.user === null ? "greeted" : "logged in";
  });
}

async function logIn(
  session: Session,
  { user, password, security }: SmtpCheck,
  offers: ReadonlyMap<string, string>,
): Promise<void> {
  const mechanisms = (offers.get("AUTH") ?? "").toUpperCase().split(" ");
  const done = { what: "the login", code: 235 };
  if (mechanisms.includes("PLAIN")) {
    await session.ask(`AUTH PLAIN ${plainResponse(user, password)}`, done);
  } else if (mechanisms.includes("LOGIN")) {
    await session.ask("AUTH LOGIN", { what: "the login's first question", code: 334 });
    await session.ask(base64(user ?? ""), { what: "the login's second question", code: 334 });
    await session.ask(base64(password ?? ""), done);
  } else {
    const hint = security === "none" ? " without TLS" : "";
    throw new ProbeFailure(`server offers no login by PLAIN or LOGIN${hint}`);
  }
}

class Session {
  readonly #connection: Connection;
  readonly #dialect: Dialect;

  constructor(connection: Connection, dialect: Dialect) {
    this.#connection = connection;
    this.#dialect = dialect;
  }

  reply(what: string, code: number): Promise<StatusReply> {
    return expectReply(this.#connection, { what, codes: [code], dialect: this.#dialect });
  }

  ask(command: string, { what, code }: { what: string; code: number }): Promise<StatusReply> {
    this.#connection.write(`${command}\r\n`);
    return this.reply(what, code);
  }

  /** Introduces this node; returns the extensions the server offers, with their parameters. */
  async hello(name: string): Promise<Map<string, string>> {
    const { lines } = await this.ask(`EHLO ${name}`, { what: "the answer to EHLO", code: 250 });
    return new Map(
      lines.slice(1).map((line) => {
        const [, word = "", rest = ""] = /^(\S*)\s*(.*)$/.exec(line) ?? [];
        return [word.toUpperCase(), rest];
      }),
    );
  }
}
