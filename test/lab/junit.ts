/**
 * Reads the report that `bun test --reporter=junit` writes.
 */
import { existsSync, readFileSync } from "node:fs";

/** Totals of a report. A skipped test has not passed: it counts as failed. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Totals of a report file; null when there is none, it is not complete, or it tells of no test at all.
 * `status` is the runner's exit status: one that failed without a failed test (an error between tests)
 * counts as one more failure.
 */
export function readReport(file: string, status: number): Totals | null {
  if (!existsSync(file)) return null;
  const text = readFileSync(file, "utf8");
  const head = /<testsuites\b[^>]*>/.exec(text)?.[0];
  if (head === undefined || !text.includes("</testsuites>")) return null;
  const tests = attribute(head, "tests");
  const failed = attribute(head, "failures") + attribute(head, "skipped");
  if (tests === 0) return null;
  return { passed: tests - failed, failed: status !== 0 && failed === 0 ? 1 : failed };
}

function attribute(head: string, name: string): number {
  return Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
}
