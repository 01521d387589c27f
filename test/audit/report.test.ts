/** Verdicts on what `npm audit --json` says. */
import { expect, test } from "bun:test";
import { judgeReport } from "./report.ts";

const REPORT = {
  auditReportVersion: 2,
  vulnerabilities: {
    "left-pad": { name: "left-pad", severity: "high", via: [], range: "<1.3.0", nodes: [] },
  },
  metadata: { vulnerabilities: { high: 1, total: 1 } },
};

test("a clean report is clean, and one with a finding names it", () => {
  expect(judgeReport(JSON.stringify({ ...REPORT, vulnerabilities: {} })).status).toBe(0);
  const { text, status } = judgeReport(JSON.stringify(REPORT));
  expect(status).toBe(1);
  expect(text).toContain("high: left-pad <1.3.0");
});

test("a registry that did not answer proves nothing", () => {
  const refused = { message: "405 Method Not Allowed - POST /-/npm/v1/security/advisories/bulk" };
  expect(judgeReport(JSON.stringify(refused))).toMatchObject({ status: 3 });
  expect(judgeReport(JSON.stringify(refused)).text).toContain("405 Method Not Allowed");
  for (const text of ["", "offline", "null", "[]"]) expect(judgeReport(text).status).toBe(3);
});
