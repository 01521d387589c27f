/**
 * Replies that begin with a number of three digits, as SMTP (RFC 5321, 4.2), FTP (RFC 959, 4.2) and NNTP
 * (RFC 3977, 3.2) have them. A reply of several lines has a hyphen behind the number of its first, and ends with
 * a line that has the same number and a space.
 */
import { ProbeFailure, quote } from "./attempt.ts";
import type { Connection } from "./connection.ts";

/** Most lines of one reply: greetings of FTP servers and extensions of SMTP servers have some ten. */
const LINES_MAX = 100;

/** One reply. */
export interface StatusReply {
  readonly code: number;
  /** Its lines, without the number where they have it. */
  readonly lines: readonly string[];
}

/** What one protocol calls itself, and what must not appear in reasons. */
export interface Dialect {
  /** With article: "an SMTP reply". */
  readonly replyName: string;
  /** Passwords in every form in which they are sent. */
  readonly secrets: readonly string[];
}

/** Reads a reply; it must have one of these numbers. `what` completes "while waiting for". */
export async function expectReply(
  connection: Connection,
  { what, codes, dialect }: {
    readonly what: string;
    readonly codes: readonly number[];
    readonly dialect: Dialect;
  },
): Promise<StatusReply> {
  const reply = await readReply(connection, what, dialect);
  if (codes.includes(reply.code)) return reply;
  const text = `${reply.code} ${reply.lines.at(-1)}`.trim();
  throw new ProbeFailure(
    `${what}: "${quote(concealed(text, dialect.secrets))}", want ${codes.join(" or ")}`,
  );
}

async function readReply(
  connection: Connection,
  what: string,
  { replyName, secrets }: Dialect,
): Promise<StatusReply> {
  const first = await connection.line(what);
  const [, code, mark, text = ""] = /^([1-5]\d\d)(?:([ -])(.*))?$/.exec(first) ?? [];
  if (code === undefined) {
    throw new ProbeFailure(`not ${replyName}: "${quote(concealed(first, secrets))}"`);
  }
  const lines = [text];
  for (let ended = mark !== "-"; !ended;) {
    if (lines.length === LINES_MAX) {
      throw new ProbeFailure(`reply longer than ${LINES_MAX} lines while waiting for ${what}`);
    }
    const line = await connection.line(what);
    ended = line === code || line.startsWith(`${code} `);
    lines.push(ended || line.startsWith(`${code}-`) ? line.slice(4) : line);
  }
  return { code: Number(code), lines };
}

/** Text of a server, which could repeat what it was told, without secrets. */
export function concealed(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret !== "")
    .reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
}

/** The forms in which these protocols send a password: as it is, and in Base64 alone and behind its user (RFC 4616). */
export function passwordForms(
  { user, password }: { readonly user: string | null; readonly password: string | null },
): string[] {
  if (password === null || password === "") return [];
  return [password, base64(password), plainResponse(user, password)];
}

/** Credentials of the SASL mechanism PLAIN (RFC 4616). */
export function plainResponse(user: string | null, password: string | null): string {
  return base64(`\0${user ?? ""}\0${password ?? ""}`);
}

/** UTF-8 in Base64. */
export function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
