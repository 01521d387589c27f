/**
 * Reads the report that `bun test --reporter=junit` writes.
 */
import { existsSync, readFileSync } from "node:fs";
import type { Tally } from "../support/tally.ts";

/** Lines told of why a test failed: what was expected and received, and what agents said last, not all in full. */
const REASON_LINES_MAX = 60;
const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

/**
 * What a report file says; null when there is none, it is not complete, or it tells of no test at all. A skipped test
 * has not passed: it counts as failed. `status` is the runner's exit status: one that failed without a failed test (an
 * error between tests) counts as one more failure.
 */
export function readReport(file: string, status: number): Tally | null {
  if (!existsSync(file)) return null;
  const text = readFileSync(file, "utf8");
  const head = /<testsuites\b[^>]*>/.exec(text)?.[0];
  if (head === undefined || !text.includes("</testsuites>")) return null;
  const tests = Number(attribute(head, "tests"));
  const failed = Number(attribute(head, "failures")) + Number(attribute(head, "skipped"));
  if (tests === 0) return null;
  const passed = tests - failed;
  if (status !== 0 && failed === 0) {
    return { passed, failed: 1, failures: [`${file}: an error between tests`] };
  }
  return { passed, failed, failures: failuresIn(text) };
}

/** Every test that did not pass: its file, its name, and why, indented. */
function failuresIn(text: string): string[] {
  const cases = text.matchAll(/(<testcase\b[^>]*[^/]>)\s*(<(?:failure|error|skipped)\b[^>]*>)/g);
  return [...cases].map(([, test = "", outcome = ""]) => {
    const names = [attribute(test, "classname"), attribute(test, "name")].filter((name) =>
      name !== ""
    );
    const message = outcome.startsWith("<skipped") ? "skipped" : attribute(outcome, "message");
    const reason = message.split("\n").filter((line) => line.trim() !== "");
    return [
      `${attribute(test, "file")}: ${names.join(" > ")}`,
      ...reason.slice(0, REASON_LINES_MAX).map((line) => `    ${line}`),
    ].join("\n");
  });
}

function attribute(tag: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return value.replaceAll(
    /&(?:#(\d+)|(\w+));/g,
    (all, code?: string, entity?: string) =>
      code !== undefined ? String.fromCodePoint(Number(code)) : ENTITIES[entity!] ?? all,
  );
}
