import { describe, expect, test } from "bun:test";
import { probeScript, replies, survivesBadServers } from "./bad_servers.ts";

const LOGIN = { kind: "mysql", user: "ada", password: "sesame" } as const;

/** A packet: its length, its number, and what it says. */
function packet(number: number, ...parts: readonly (string | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, number]), body]);
}

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const zeros = (count: number): number[] => Array(count).fill(0);
/** A greeting of MySQL 5.7 with mysql_native_password; the capabilities are protocol 4.1, with or without TLS. */
const greeting = (capabilities: number): Buffer =>
  packet(
    0,
    [10],
    "5.7.0\0",
    [1, 0, 0, 0],
    "saltsalt\0",
    [0, capabilities, 33, 2, 0, 8, 0, 21],
    zeros(10),
    "saltsaltsalt\0",
    "mysql_native_password\0",
  );
const PLAIN = greeting(0x82);
const WITH_TLS = greeting(0x8a);
const OK = packet(2, [0, 0, 0, 2, 0, 0, 0]);
const END = [0xfe, 0, 0, 2, 0];
const error = (number: number, words: string): Buffer =>
  packet(number, [0xff, 0x15, 0x04], "#28000", words);
const column = packet(2, text("def"), [0, 0, 0], text("a"), text("a"), [
  12,
  33,
  0,
  255,
  0,
  0,
  0,
  253,
  0,
  0,
  0,
  0,
  0,
]);
const answer = (...rows: string[]): Buffer =>
  Buffer.concat([
    packet(1, [1]),
    column,
    packet(3, END),
    ...rows.map((row, index) => packet(4 + index, text(row))),
    packet(4 + rows.length, END),
  ]);

describe("probeMysql survives", () => {
  survivesBadServers(LOGIN, "the greeting");
  survivesBadServers({ ...LOGIN, security: "tls" }, "the greeting");
});

const cases: [what: string, greeting: Buffer, (Buffer | null)[], object, boolean, RegExp][] = [
  ["a row", PLAIN, [OK, answer("42")], {}, true, /^query answered in/],
  [
    "one row of many",
    PLAIN,
    [OK, answer("a", "b", "c")],
    { expect: "^b$" },
    true,
    /^query answered/,
  ],
  ["no row", PLAIN, [OK, answer()], {}, false, /^the query gave no row$/],
  [
    "an answer without rows",
    PLAIN,
    [OK, packet(1, [0, 0, 0, 2, 0, 0, 0])],
    {},
    false,
    /^the query gave no row$/,
  ],
  [
    "a wrong row",
    PLAIN,
    [OK, answer("a")],
    { expect: "b" },
    false,
    /^the row's first column lacks \/b\/$/,
  ],
  [
    "a refused login",
    PLAIN,
    [error(2, "Access denied, sesame")],
    {},
    false,
    /^login refused: Access denied, …$/,
  ],
  [
    "too many connections",
    error(0, "Too many connections"),
    [],
    {},
    false,
    /^login refused: Too many connections$/,
  ],
  ["a refused query", PLAIN, [OK, error(1, "no table")], {}, false, /^query failed: no table$/],
  [
    "a login that stalls",
    PLAIN,
    [null],
    {},
    false,
    /^timed out after 300 ms while waiting for the login$/,
  ],
  [
    "half a greeting",
    PLAIN.subarray(0, 20),
    [],
    {},
    false,
    /^timed out after 300 ms while waiting for the login$/,
  ],
  ["a query that stalls", PLAIN, [OK, null], {}, false, /^timed out .* the answer to the query$/],
  [
    "half an answer",
    PLAIN,
    [OK, answer("42").subarray(0, 30)],
    {},
    false,
    /^timed out .* the answer to the query$/,
  ],
  [
    "packets out of order",
    PLAIN,
    [packet(7, [0, 0, 0, 2, 0, 0, 0])],
    {},
    false,
    /^cannot understand the server: .*out of order/,
  ],
  [
    "a wish for the password in plain text",
    PLAIN,
    [packet(2, [0xfe], "mysql_clear_password\0\0")],
    {},
    false,
    /^login refused: .*mysql_clear_password/,
  ],
  [
    "no TLS",
    PLAIN,
    [],
    { security: "tls" },
    false,
    /^login refused: Server does not support secure connection$/,
  ],
  [
    "a TLS handshake that stalls",
    WITH_TLS,
    [null],
    { security: "tls" },
    false,
    /^timed out after 300 ms during the TLS handshake$/,
  ],
  [
    "garbage for a TLS handshake",
    WITH_TLS,
    [OK],
    { security: "tls" },
    false,
    /^(does not speak TLS|TLS failed|connection)/,
  ],
];

describe("probeMysql judges", () => {
  test.each(cases)("%s", async (_what, first, answers, options, ok, reason) => {
    const result = await probeScript(replies(answers, first), { ...LOGIN, ...options });
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBe(ok);
  });

  test("a wish for a file of this node: it gets none", async () => {
    let sent = "";
    const script = replies([OK, packet(1, [0xfb], "/etc/passwd")], PLAIN);
    const result = await probeScript((socket) => {
      socket.on("data", (chunk: Buffer) => sent += chunk.toString("latin1"));
      script(socket);
    }, LOGIN);
    expect(result?.ok).toBeFalse();
    expect(sent).toContain("SELECT 1");
    expect(sent).not.toContain("root:");
  });
});
