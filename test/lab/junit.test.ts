/** What counts as passed, and what as failed. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport, type Totals } from "./junit.ts";

const head = (tests: number, failures: number, skipped: number) =>
  `<testsuites name="bun test" tests="${tests}" assertions="9" failures="${failures}" skipped="${skipped}" time="1">`;

const cases: [what: string, text: string | null, status: number, totals: Totals | null][] = [
  ["all passed", `${head(3, 0, 0)}</testsuites>`, 0, { passed: 3, failed: 0 }],
  ["a failure", `${head(3, 1, 0)}</testsuites>`, 1, { passed: 2, failed: 1 }],
  ["a skipped test is a failure", `${head(3, 0, 1)}</testsuites>`, 0, { passed: 2, failed: 1 }],
  ["an error between tests is a failure", `${head(3, 0, 0)}</testsuites>`, 1, {
    passed: 3,
    failed: 1,
  }],
  ["no test at all", `${head(0, 0, 0)}</testsuites>`, 0, null],
  ["half a report", head(3, 0, 0), 0, null],
  ["no report", null, 0, null],
];

describe("readReport", () => {
  for (const [what, text, status, totals] of cases) {
    test(what, () => {
      const folder = mkdtempSync(join(tmpdir(), "troop-junit-"));
      const file = join(folder, "report.xml");
      if (text !== null) writeFileSync(file, text);
      expect(readReport(file, status)).toEqual(totals);
      rmSync(folder, { recursive: true });
    });
  }
});
