/**
 * Compiled expressions of checks, kept for the next probe.
 */
import { compilePattern, type Pattern } from "../../core/regex.ts";

/** Expressions kept compiled: one is a few hundred kB at worst, and few differ in one cluster. */
const PATTERNS_KEPT_MAX = 64;

/** Compiles an expression, or finds it compiled; a text says why it cannot be. */
export function createPatterns(): (expect: string | null) => Pattern | string | null {
  const kept = new Map<string, Pattern | string>();
  return (expect) => {
    if (expect === null) return null;
    const pattern = kept.get(expect) ?? compilePattern(expect);
    // Moved to the end, so that the first is always the one unused for longest.
    kept.delete(expect);
    kept.set(expect, pattern);
    for (const oldest of kept.keys()) {
      if (kept.size <= PATTERNS_KEPT_MAX) break;
      kept.delete(oldest);
    }
    return pattern;
  };
}
