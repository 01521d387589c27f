/** What counts as passed, and what as failed. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tally } from "../support/tally.ts";
import { readReport } from "./junit.ts";

const head = (tests: number, failures: number, skipped: number) =>
  `<testsuites name="bun test" tests="${tests}" assertions="9" failures="${failures}" skipped="${skipped}" time="1">`;

const skipped = `<testcase name="later" classname="" time="0" file="a.test.ts" line="2">
  <skipped />
</testcase>`;
const failed =
  `<testcase name="whole" classname="x" time="1" file="a.test.ts" line="1" assertions="0" />
<testcase name="bad &amp; &quot;worse&quot;" classname="outer &lt;x&gt;" time="1" file="a.test.ts" line="2">
  <failure type="AssertionError" message="toBe&#10;&#10;Expected: 2&#10;Received: 1&#10;">more</failure>
</testcase>`;

const cases: [what: string, text: string | null, status: number, tally: Tally | null][] = [
  ["all passed", `${head(3, 0, 0)}</testsuites>`, 0, { passed: 3, failed: 0, failures: [] }],
  ["a failure", `${head(3, 1, 0)}${failed}</testsuites>`, 1, {
    passed: 2,
    failed: 1,
    failures: [
      'a.test.ts: outer <x> > bad & "worse"\n    toBe\n    Expected: 2\n    Received: 1',
    ],
  }],
  ["a skipped test is a failure", `${head(3, 0, 1)}${skipped}</testsuites>`, 0, {
    passed: 2,
    failed: 1,
    failures: ["a.test.ts: later\n    skipped"],
  }],
  ["an error between tests is a failure", `${head(3, 0, 0)}</testsuites>`, 1, {
    passed: 3,
    failed: 1,
    failures: [expect.stringContaining("an error between tests")],
  }],
  ["no test at all", `${head(0, 0, 0)}</testsuites>`, 0, null],
  ["half a report", head(3, 0, 0), 0, null],
  ["no report", null, 0, null],
];

describe("readReport", () => {
  for (const [what, text, status, tally] of cases) {
    test(what, () => {
      const folder = mkdtempSync(join(tmpdir(), "troop-junit-"));
      const file = join(folder, "report.xml");
      if (text !== null) writeFileSync(file, text);
      expect(readReport(file, status)).toEqual(tally);
      rmSync(folder, { recursive: true });
    });
  }
});
