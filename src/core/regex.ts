/**
 * Regular expressions for text that a stranger wrote: the body a real server answers with.
 *
 * They are matched by RE2 (npm re2js) in time linear in the text, never by backtracking: with a
 * backtracking matcher one unlucky page stops the event loop, and with it the pulses of this node.
 * Linear still means "instructions × characters" at worst, so both are bounded here.
 */
import { RE2JS } from "re2js";

/**
 * Most instructions an expression may compile to. Counted repeats are unrolled: `x{1000}` is 1,000 of them.
 * Expressions for status pages have 5 to 50.
 */
export const PATTERN_INSTRUCTIONS_MAX = 500;
/**
 * Most steps (instruction × character) one search may take. A step was measured at 25 ns when an expression
 * defeats the matcher's state cache, so a search holds the event loop for 50 ms at worst: half a pulse.
 */
const SEARCH_STEPS_MAX = 2_000_000;
/** What a literal may search, characters: a plain substring search of this length takes less than 1 ms. */
const LITERAL_WINDOW = 1_048_576;
/** Text without any operator of RE2 means itself. */
const LITERAL = /^[^\\^$.*+?()[\]{}|]*$/;

/** A compiled expression that can be searched for in text. */
export interface Pattern {
  readonly source: string;
  /** How many characters from the start of a text are searched; {@link Pattern.found} ignores the rest. */
  readonly window: number;
  /** Whether the expression matches somewhere in the first {@link Pattern.window} characters. Never throws. */
  found(text: string): boolean;
}

/**
 * Compiles an expression in RE2 syntax (github.com/google/re2/wiki/Syntax), case-sensitive, where `.` stops at
 * line ends unless it says `(?s)`. Returns in words why it cannot be used when it cannot.
 */
export function compilePattern(source: string): Pattern | string {
  if (LITERAL.test(source)) {
    return {
      source,
      window: LITERAL_WINDOW,
      found: (text) => text.slice(0, LITERAL_WINDOW).includes(source),
    };
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    return `"${source}" is not a regular expression: ${syntaxProblem(error as Error)}`;
  }
  const instructions = compiled.programSize();
  if (instructions > PATTERN_INSTRUCTIONS_MAX) {
    return `"${source}" is too large an expression: it takes ${instructions} steps per character, ` +
      `at most ${PATTERN_INSTRUCTIONS_MAX} are accepted; use smaller repeat counts`;
  }
  const window = Math.floor(SEARCH_STEPS_MAX / instructions);
  return { source, window, found: (text) => compiled.test(text.slice(0, window)) };
}

/** RE2 lacks what cannot be matched in linear time; people who know Perl's syntax need to be told. */
function syntaxProblem(error: Error): string {
  const words = error.message.replace(/^error parsing regexp: /, "");
  const hint = /Perl syntax|escape sequence|named capture/.test(words)
    ? " (RE2 syntax: no look-around, no back-references)"
    : "";
  return words + hint;
}
