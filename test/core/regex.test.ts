import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseCheck, regexProblem } from "../../src/core/check.ts";
import { compilePattern, type Pattern, PATTERN_INSTRUCTIONS_MAX } from "../../src/core/regex.ts";

function compiled(source: string): Pattern {
  const pattern = compilePattern(source);
  if (typeof pattern === "string") throw new Error(pattern);
  return pattern;
}

describe("compilePattern finds", () => {
  const cases: [source: string, text: string, found: boolean][] = [
    ["Test Page", "<h1>Test Page</h1>", true],
    ["Test Page", "<h1>test page</h1>", false],
    ["", "", true],
    ["(?i)test page", "<h1>TEST Page</h1>", true],
    ["Te.t", "a Test", true],
    ["a.b", "a\nb", false],
    ["(?s)a.b", "a\nb", true],
    ["^ok$", "ok", true],
    ["^ok$", "not ok", false],
    ["status: (OK|UP)\\b", "status: UP!", true],
    ["\\d{3}", "12", false],
    ["größe", "die größe", true],
    ["\\p{Lu}", "straße Ä", true],
  ];
  test.each(cases)("%j in %j: %p", (source, text, found) => {
    expect(compiled(source).found(text)).toBe(found);
  });
});

describe("compilePattern refuses", () => {
  const cases: [source: string, words: string][] = [
    ["[a", "missing closing ]"],
    ["a(?=b)", "no look-around, no back-references"],
    ["(?<=a)b", "no look-around, no back-references"],
    ["(a)\\1", "no look-around, no back-references"],
    ["*", "missing argument to repetition operator"],
    ["x{2000}", "invalid repeat count"],
    ["x{999}", `at most ${PATTERN_INSTRUCTIONS_MAX}`],
    ["\\pL{400}\\d{400}", `at most ${PATTERN_INSTRUCTIONS_MAX}`],
  ];
  test.each(cases)("%j: %s", (source, words) => {
    expect(compilePattern(source)).toContain(words);
    expect(regexProblem(source)).toContain(words);
    expect(parseCheck("http:///", [`expect=${source}`])).toContain(words);
  });
});

test("compilePattern never throws, and what it compiles searches any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.string(), (source, text) => {
      const pattern = compilePattern(source);
      if (typeof pattern === "string") expect(pattern.length).toBeGreaterThan(0);
      else expect(pattern.found(text)).toBeBoolean();
    }),
  );
});

test("compilePattern agrees with ECMAScript on expressions both understand", () => {
  const piece = fc.constantFrom(
    "a",
    "b",
    "ab",
    ".",
    "[ab]",
    "[^a]",
    "(?:a|b)",
    "a?",
    "b*",
    "a+",
    "\\w",
  );
  const source = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(source, fc.string({ unit: fc.constantFrom("a", "b", "c", "\n") }), (text, body) => {
      expect(compiled(text).found(body)).toBe(new RegExp(text, "u").test(body));
    }),
  );
});

test("found takes steps in proportion to the text where a backtracking matcher would never end", () => {
  const pattern = compiled("^(?:a+)+(?:b|c)$");
  // Backtracking needs about 2^60000 steps here: if the engine did, this test would not come back.
  expect(pattern.found("a".repeat(60_000))).toBe(false);
  expect(pattern.found("a".repeat(60_000) + "b")).toBe(true);
});

test("window shrinks as the expression grows, so that one search has bounded work", () => {
  const small = compiled("x+y");
  const large = compiled("x{400}y+");
  expect(large.window).toBeLessThan(small.window / 10);
  expect(large.window).toBeGreaterThanOrEqual(4_000);
  expect(small.found("x".repeat(small.window - 1) + "y")).toBe(true);
  expect(small.found("x".repeat(small.window) + "y")).toBe(false);
});
