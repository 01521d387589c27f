import { describe, expect, test } from "bun:test";
import type { Script } from "./scripted_server.ts";
import { probeScript, survivesBadServers } from "./bad_servers.ts";

const LOGIN = { kind: "ldap", user: "cn=ada", password: "sesame" } as const;

/** One element of BER (X.690), shorter than 128 bytes. */
function element(
  tag: number,
  ...parts: readonly (string | Uint8Array | readonly number[])[]
): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from([tag, body.length]), body]);
}

/** Makes a message with the number of the request that is answered. */
type Answer = (id: number) => Buffer;
const message = (operation: Buffer): Answer => (id) => element(0x30, [2, 1, id], operation);
const result = (tag: number, code: number, words = ""): Answer =>
  message(element(tag, [10, 1, code], element(4), element(4, words)));
const BOUND = result(0x61, 0);
const REFUSED = result(0x61, 49, "not sesame");
const entry = (dn: string): Answer => message(element(0x64, element(4, dn), element(0x30)));
const DONE = result(0x65, 0);
const together = (...answers: Answer[]): Answer => (id) =>
  Buffer.concat(answers.map((answer) => answer(id)));
const half = (answer: Answer): Answer => (id) => answer(id).subarray(0, 6);

/** Answers one request after the other; null: says nothing. */
function answers(list: readonly (Answer | null)[]): Script {
  return (socket) => {
    const left = [...list];
    socket.on("data", (request: Buffer) => {
      const next = left.shift();
      if (next !== null && next !== undefined) socket.write(next(request[4] ?? 0));
    });
  };
}

describe("probeLdap survives", () => {
  survivesBadServers({ kind: "ldap" }, "the result of the search");
  survivesBadServers(LOGIN, "the answer to the bind");
});

const STARTED = result(0x78, 0);
const cases: [what: string, (Answer | null)[], object, boolean, RegExp][] = [
  ["an entry", [BOUND, together(entry("cn=x"), DONE)], {}, true, /^1 entry in/],
  [
    "one entry of many",
    [BOUND, together(entry("cn=x"), entry("cn=y"), DONE)],
    { expect: "y$" },
    true,
    /^2 entries in/,
  ],
  [
    "an entry, and the end of what was asked for",
    [BOUND, together(entry("cn=x"), result(0x65, 4))],
    {},
    true,
    /^1 entry in/,
  ],
  ["no entry", [BOUND, DONE], {}, false, /^the search found no entry$/],
  [
    "a wrong entry",
    [BOUND, together(entry("cn=x"), DONE)],
    { expect: "y" },
    false,
    /^found cn=x, want \/y\/$/,
  ],
  ["a refused bind", [REFUSED], {}, false, /^bind refused: (?!.*sesame)/],
  [
    "a refused search",
    [BOUND, result(0x65, 32)],
    {},
    false,
    /^search refused: no such object\. Code: 0x20$/,
  ],
  ["a server that is busy", [BOUND, result(0x65, 51)], {}, false, /^search refused: .*0x33/],
  [
    "an expression that cannot be compiled",
    [],
    { expect: "a(?=b)" },
    false,
    /not a regular expression/,
  ],
  [
    "a bind that stalls",
    [null],
    {},
    false,
    /^timed out after 300 ms while waiting for the answer to the bind$/,
  ],
  ["half an answer to a bind", [half(BOUND)], {}, false, /^timed out .* the answer to the bind$/],
  ["a search that stalls", [BOUND, null], {}, false, /^timed out .* the result of the search$/],
  [
    "a search without end",
    [BOUND, entry("cn=x")],
    {},
    false,
    /^timed out .* the result of the search$/,
  ],
  [
    "an answer to another question",
    [result(0x65, 0)],
    {},
    false,
    /^(cannot understand|bind refused|timed out)/,
  ],
  [
    "an answer nobody asked for",
    [(id) => BOUND(id + 1)],
    {},
    false,
    /^(cannot understand|bind refused|timed out)/,
  ],
  ["refused STARTTLS", [result(0x78, 2)], { security: "starttls" }, false, /^STARTTLS refused: /],
  [
    "STARTTLS that stalls",
    [null],
    { security: "starttls" },
    false,
    /^timed out .* the answer to STARTTLS$/,
  ],
  [
    "a TLS handshake that stalls",
    [STARTED, null],
    { security: "starttls" },
    false,
    /^timed out after 300 ms during the TLS handshake$/,
  ],
  [
    "garbage for a TLS handshake",
    [STARTED, BOUND],
    { security: "starttls" },
    false,
    /^(does not speak TLS|TLS failed|connection)/,
  ],
];

describe("probeLdap judges", () => {
  test.each(cases)("%s", async (_what, list, options, ok, reason) => {
    const found = await probeScript(answers(list), { ...LOGIN, ...options });
    expect(found?.reason).toMatch(reason);
    expect(found?.ok).toBe(ok);
  });
});
