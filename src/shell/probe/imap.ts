/**
 * The IMAP probe (RFC 9051): greeting, STARTTLS and a login when the check says so, CAPABILITY, LOGOUT.
 */
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure, quote } from "./attempt.ts";
import { type Connection, converse, type TalkContext } from "./connection.ts";
import { concealed, passwordForms, plainResponse } from "./status_reply.ts";

/** Most lines before the answer to a command: none of the commands here has more than three. */
const LINES_MAX = 100;

type ImapCheck = CheckOf<"imap">;

/** Asks once. Resolves as {@link runAttempt} does. */
export function probeImap(
  target: ProbeTarget<ImapCheck>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  return converse(target, context, async (connection) => {
    const session = new Session(connection, passwordForms(check));
    await session.greeting();
    if (check.security === "starttls") {
      await session.ask("STARTTLS", "the answer to STARTTLS");
      await connection.startTls();
    }
    // Asked for in any case: it is the least that a server which only greets does not answer.
    const offers = capabilities(await session.ask("CAPABILITY", "the capabilities"));
    if (check.user !== null) await logIn(session, check, offers);
    await session.ask("LOGOUT", "the answer to LOGOUT");
    return check.user === null ? "greeted" : "logged in";
  });
}

async function logIn(
  session: Session,
  { user, password }: ImapCheck,
  offers: ReadonlySet<string>,
): Promise<void> {
  if (offers.has("AUTH=PLAIN")) {
    await session.ask("AUTHENTICATE PLAIN", "the login", plainResponse(user, password));
  } else if (offers.has("LOGINDISABLED")) {
    throw new ProbeFailure("server offers no login without TLS");
  } else {
    await session.ask(`LOGIN ${quoted(user ?? "")} ${quoted(password ?? "")}`, "the login");
  }
}

/** A quoted string (RFC 9051, 9). */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function capabilities(lines: readonly string[]): Set<string> {
  return new Set(
    lines.filter((line) => /^\* CAPABILITY /i.test(line))
      .flatMap((line) => line.toUpperCase().split(" ").slice(2)),
  );
}

/** Commands and their answers, told apart by tags. */
class Session {
  readonly #connection: Connection;
  readonly #secrets: readonly string[];
  #tag = 0;

  constructor(connection: Connection, secrets: readonly string[]) {
    this.#connection = connection;
    // A quoted password looks different where it has quotation marks itself.
    this.#secrets = [...secrets, ...secrets.map(quoted)];
  }

  async greeting(): Promise<void> {
    const line = await this.#connection.line("the greeting");
    if (/^\* (OK|PREAUTH)\b/i.test(line)) return;
    throw /^\* BYE\b/i.test(line) ? this.#refusal("the greeting", line) : this.#nonsense(line);
  }

  /** Sends a command; the server may ask for more, which is sent then. Returns the lines before the answer. */
  async ask(command: string, what: string, more?: string): Promise<string[]> {
    const tag = `t${++this.#tag}`;
    this.#connection.write(`${tag} ${command}\r\n`);
    const lines: string[] = [];
    let asked = false;
    while (lines.length < LINES_MAX) {
      const line = await this.#connection.line(what);
      if (line.startsWith(`${tag} `)) {
        if (/^OK\b/i.test(line.slice(tag.length + 1))) return lines;
        throw this.#refusal(what, line.slice(tag.length + 1));
      }
      if (line.startsWith("+") && more !== undefined && !asked) {
        asked = true;
        this.#connection.write(`${more}\r\n`);
      } else if (!line.startsWith("* ")) throw this.#nonsense(line);
      lines.push(line);
    }
    throw new ProbeFailure(`reply longer than ${LINES_MAX} lines while waiting for ${what}`);
  }

  #refusal(what: string, line: string): ProbeFailure {
    return new ProbeFailure(`${what}: "${this.#shown(line)}", want OK`);
  }

  #nonsense(line: string): ProbeFailure {
    return new ProbeFailure(`not an IMAP reply: "${this.#shown(line)}"`);
  }

  #shown(line: string): string {
    return quote(concealed(line, this.#secrets));
  }
}
