import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Check,
  CHECK_INTERVAL_MS_MAX,
  CHECK_INTERVAL_MS_MIN,
  type CheckOptions,
  checkSchema,
  EXPECT_LENGTH_MAX,
  formatCheck,
  NO_CHECK,
  parseCheck,
  regexProblem,
  TCP_CHECK,
} from "../../src/core/check.ts";

/** What every check has beside its kind and port. */
const DEFAULTS = {
  intervalMs: 1_000,
  fastMs: null,
  jitter: 0,
  timeoutMs: 1_000,
  rise: 1,
  fall: 2,
  initial: "down",
  at: "server",
  source: null,
  device: null,
};

describe("parseCheck", () => {
  const right: [text: string, options: CheckOptions, check: Partial<Check>][] = [
    ["http://:80/index.html", {}, { kind: "http", port: 80, path: "/index.html" }],
    ["http://", {}, { kind: "http", port: null, path: "/" }],
    ["http://www.example.org", {}, {
      kind: "http",
      port: null,
      host: "www.example.org",
      path: "/",
    }],
    ["https://www.example.org:8443/a?b=c", {}, {
      kind: "https",
      port: 8443,
      host: "www.example.org",
      path: "/a?b=c",
    }],
    ["http://:80/", { expect: "Test Page" }, {
      kind: "http",
      port: 80,
      path: "/",
      expect: "Test Page",
    }],
    // A shorter interval would be of no use with a timeout of a second.
    ["http://:80/", { intervalMs: 200 }, {
      kind: "http",
      port: 80,
      path: "/",
      intervalMs: 200,
      timeoutMs: 200,
    }],
    ["tcp://:3306", {}, { kind: "tcp", port: 3306 }],
    ["tcp://", {}, { kind: "tcp", port: null }],
    ["tcp://:3306/", {}, { kind: "tcp", port: 3306 }],
    ["none", {}, { kind: "none", port: null }],
  ];
  test.each(right)("reads %j with %j", (text, options, check) => {
    expect(parseCheck(text, options)).toEqual(checkSchema.parse(check));
  });

  const notACheck = [
    "",
    "80",
    "ftp://:21/",
    "HTTP://:80/",
    "http:/:80/",
    "http://:80/a b",
    "http://:800000/",
    "http://:80:81/",
    "http://a?b=c",
    "http://:80/#top\n",
    "none ",
  ];
  test.each(notACheck)("refuses %j and says what a check looks like", (text) => {
    expect(parseCheck(text)).toBe(
      `"${text}" is not a check: write http://[HOST][:PORT]/PATH, https://..., tcp://:PORT or none`,
    );
  });

  const refused: [text: string, options: CheckOptions, words: RegExp][] = [
    ["tcp://:80/path", {}, /^"tcp:\/\/:80\/path": a tcp check has no path$/],
    ["tcp://:80", { expect: "x" }, /^"tcp:\/\/:80": a tcp check expects no text$/],
    ["http://:80/", { expect: "(" }, /"\("/],
    ["http://:0/", {}, /^"http:\/\/:0\/": port: /],
    ["http://:65536/", {}, /^"http:\/\/:65536\/": port: /],
    ["http://:80/", { intervalMs: CHECK_INTERVAL_MS_MIN - 1 }, /intervalMs/],
    ["http://:80/", { intervalMs: CHECK_INTERVAL_MS_MAX + 1 }, /intervalMs/],
    [`http://:80/${"x".repeat(2_001)}`, {}, /path/],
    ["http://:80/", { expect: "x".repeat(EXPECT_LENGTH_MAX + 1) }, /expect|long/],
    // A control character would let the path split the request.
    ["http://:80/a\u0001", {}, /path: has a space or control character/],
    ["http://a\r:80/", {}, /host: has a space or control character/],
  ];
  test.each(refused)("refuses %j with %j in words", (text, options, words) => {
    const problem = parseCheck(text, options);
    expect(problem).toBeTypeOf("string");
    expect(problem).toMatch(words);
  });

  test("never throws, and what it takes fits the schema", () => {
    const part = fc.constantFrom(
      "http://",
      "https://",
      "tcp://",
      "none",
      ":80",
      "/a",
      "x",
      " ",
      "\n",
    );
    const text = fc.oneof(fc.string(), fc.array(part).map((parts) => parts.join("")));
    fc.assert(fc.property(text, fc.option(fc.string(), { nil: undefined }), (text, expected) => {
      const check = parseCheck(text, expected === undefined ? {} : { expect: expected });
      if (typeof check !== "string") expect(checkSchema.parse(check)).toEqual(check);
    }));
  });
});

describe("formatCheck", () => {
  const cases: [text: string, written: string][] = [
    ["none", "none"],
    ["tcp://:3306", "tcp://:3306"],
    ["tcp://", "tcp://"],
    ["http://", "http:///"],
    ["http://:80/index.html", "http://:80/index.html"],
    ["https://www.example.org:8443/a?b=c", "https://www.example.org:8443/a?b=c"],
  ];
  test.each(cases)("writes %j as %j", (text, written) => {
    expect(formatCheck(parseCheck(text) as Check)).toBe(written);
  });

  test("is read back as the same check", () => {
    const word = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }));
    const web = fc.record({
      kind: fc.constantFrom("http" as const, "https" as const),
      port,
      host: fc.option(word),
      path: fc.stringMatching(/^\/[a-z0-9/?=&.]{0,20}$/),
    });
    const tcp = fc.record({ kind: fc.constant("tcp" as const), port });
    const check = fc.oneof(web, tcp, fc.constant({ kind: "none" as const, port: null }))
      .map((fields) => checkSchema.parse(fields));
    fc.assert(fc.property(check, (check) => {
      expect(parseCheck(formatCheck(check))).toEqual(check);
    }));
  });
});

describe("checkSchema", () => {
  test("fills in what is left out", () => {
    expect(TCP_CHECK).toEqual({ ...DEFAULTS, kind: "tcp", port: null } as Check);
    expect(NO_CHECK).toEqual({ ...DEFAULTS, kind: "none", port: null } as Check);
  });

  test("refuses fields it does not know: a misspelt one must not be ignored", () => {
    expect(checkSchema.safeParse({ kind: "tcp", port: null, interval: 1 }).success).toBe(false);
  });

  test("parseCheck hands out a check of its own each time", () => {
    expect(parseCheck("none")).not.toBe(parseCheck("none"));
  });
});

test("regexProblem says nothing about an expression that works, and names one that does not", () => {
  expect(regexProblem("Test (Page|Site)")).toBeUndefined();
  expect(regexProblem("[a")).toContain("[a");
});
