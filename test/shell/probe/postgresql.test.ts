import { describe, expect, test } from "bun:test";
import { CONVERSATION_BYTES_MAX } from "../../../src/shell/probe/connection.ts";
import { flood, probeScript, replies, survivesBadServers } from "./bad_servers.ts";

const LOGIN = { kind: "postgresql", user: "ada", password: "sesame" } as const;

/** A message of the protocol: its type, its length, and what it says. */
function message(type: string, ...parts: readonly (string | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const number32 = (
  value: number,
): number[] => [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
const OK = message("R", number32(0));
const READY = message("Z", "I");
const COLUMN = message(
  "T",
  [0, 1],
  "a\0",
  number32(0),
  [0, 0],
  number32(25),
  [255, 255],
  number32(0xffff_ffff),
  [0, 0],
);
const DONE = message("C", "SELECT 1\0");
const row = (text: string): Buffer => message("D", [0, 1], number32(text.length), text);
const error = (text: string): Buffer => message("E", "SERROR\0C28P01\0M", `${text}\0`, [0]);
const LOGGED_IN = Buffer.concat([OK, READY]);
const answer = (...texts: string[]): Buffer =>
  Buffer.concat([COLUMN, ...texts.map(row), DONE, READY]);

describe("probePostgresql survives", () => {
  survivesBadServers(LOGIN, "the login");
  survivesBadServers({ ...LOGIN, security: "tls" }, "the answer to the request for TLS");
});

const cases: [what: string, (Buffer | string | null)[], object, boolean, RegExp][] = [
  ["a row", [LOGGED_IN, answer("x")], {}, true, /^query answered in/],
  ["one row of many", [LOGGED_IN, answer("a", "b", "c")], { expect: "^b$" }, true, /^query ans/],
  [
    "the first row, of an answer without end",
    [LOGGED_IN, Buffer.concat([COLUMN, row("x")])],
    {},
    true,
    /^query answered/,
  ],
  ["no row", [LOGGED_IN, answer()], {}, false, /^the query gave no row$/],
  [
    "a wrong row",
    [LOGGED_IN, answer("a")],
    { expect: "b" },
    false,
    /^the row's first column lacks \/b\/$/,
  ],
  [
    "wrong rows",
    [LOGGED_IN, answer("a", "c")],
    { expect: "b" },
    false,
    /^none of 2 rows' first column has \/b\/$/,
  ],
  ["a refused login", [error("go away, sesame")], {}, false, /^login refused: go away, …$/],
  [
    "a refused query",
    [LOGGED_IN, Buffer.concat([error("no table"), READY])],
    {},
    false,
    /^query failed: no table$/,
  ],
  [
    "an expression that cannot be compiled",
    [LOGGED_IN],
    { expect: "a(?=b)" },
    false,
    /not a regular expression/,
  ],
  [
    "a login that stalls",
    [OK],
    {},
    false,
    /^timed out after 300 ms while waiting for the login$/,
  ],
  [
    "a wish for a login by Kerberos",
    [message("R", number32(7))],
    {},
    false,
    /^(cannot understand|login refused|timed out)/,
  ],
  [
    "a query that stalls",
    [LOGGED_IN, null],
    {},
    false,
    /^timed out after 300 ms while waiting for the answer to the query$/,
  ],
  [
    "a row that stalls",
    [LOGGED_IN, Buffer.concat([COLUMN, row("xyz").subarray(0, 8)])],
    {},
    false,
    /^timed out .* the answer to the query$/,
  ],
  [
    "a first message of 1 GB",
    [Buffer.from("R\x40\0\0\0")],
    {},
    false,
    /^does not speak PostgreSQL's protocol$/,
  ],
  [
    "an unknown message",
    [LOGGED_IN, message("?", "x")],
    {},
    false,
    /^(cannot understand|query failed|login refused)/,
  ],
  ["no TLS", ["N"], { security: "tls" }, false, /^server offers no TLS$/],
  [
    "something else than TLS",
    ["E"],
    { security: "tls" },
    false,
    /^does not speak PostgreSQL's protocol$/,
  ],
  [
    "plain text behind the consent to TLS",
    ["Sx"],
    { security: "tls" },
    false,
    /^sent plain text where the TLS/,
  ],
];

describe("probePostgresql judges", () => {
  test.each(cases)("%s", async (_what, answers, options, ok, reason) => {
    const result = await probeScript(replies(answers), { ...LOGIN, ...options });
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBe(ok);
  });

  test("rows without end", async () => {
    const script = flood(
      Buffer.concat([LOGGED_IN, COLUMN]),
      Buffer.concat(Array(1_000).fill(row("x"))),
    );
    const result = await probeScript(script, { ...LOGIN, expect: "y", timeoutMs: 5_000 });
    expect(result?.reason).toMatch(
      RegExp(`^(sent more than ${CONVERSATION_BYTES_MAX} bytes|query failed|cannot under)`),
    );
  });
});
