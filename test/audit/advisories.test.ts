/** Verdicts on packages by a folder of advisories. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { judgePackages, lockedPackages } from "./advisories.ts";

const advisory = (range: string) =>
  [
    'identifier: "CVE-2000-0001"',
    'title: "Pads too much"',
    `affected_range: "${range}"`,
    'date: "2000-01-02"',
  ].join("\n");

/** Judges one package by one advisory file. */
function judge(version: string, text: string, file = "@left/pad/CVE-2000-0001.yml") {
  const folder = mkdtempSync(join(tmpdir(), "advisories-"));
  try {
    mkdirSync(join(folder, "npm", dirname(file)), { recursive: true });
    writeFileSync(join(folder, "npm", file), text);
    return judgePackages([{ name: "@left/pad", version }], folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a version in the range of an advisory is a finding", () => {
  const { text, status } = judge("1.2.9", advisory("<1.0.4||>=1.2.0 <1.3.0"));
  expect(status).toBe(1);
  expect(text).toContain("CVE-2000-0001: @left/pad 1.2.9 (<1.0.4||>=1.2.0 <1.3.0): Pads too much");
  for (const range of ["=1.2.9", "<= 1.2.9", "=1.0.0 || =1.2.9", ">=1.0.0"]) {
    expect(judge("1.2.9", advisory(range)).status).toBe(1);
  }
});

test("a version outside the range is clean, and it is said how old the advisories are", () => {
  const { text, status } = judge("1.3.0", advisory("<1.0.4||>=1.2.0 <1.3.0"));
  expect(status).toBe(0);
  expect(text).toContain("1 packages, 1 advisories on them of 1 in all, the newest of 2000-01-02");
  expect(judge("1.2.9", advisory("<0")).status).toBe(0);
});

test("an advisory on another package says nothing, though its name begins alike", () => {
  for (const file of ["@left/pad-more/a.yml", "@left/pad/more/a.yml", "pad/a.yml"]) {
    expect(judge("1.2.9", advisory(">=0"), file).status).toBe(0);
  }
});

test("a version before a release counts as that release, too", () => {
  expect(judge("2.0.0-nightly.1", advisory(">=1.0.0")).status).toBe(1);
  expect(judge("2.0.0-nightly.1", advisory("<2.0.0")).status).toBe(1);
  expect(judge("2.0.0-nightly.1", advisory("<1.0.0")).status).toBe(0);
});

test("what cannot be read is a finding, not a pardon", () => {
  expect(judge("1.2.9", advisory("all of them")).status).toBe(1);
  for (const text of ["", "{", "title: 1"]) {
    expect(judge("1.2.9", text).text).toContain("npm/@left/pad/CVE-2000-0001.yml cannot be read");
  }
});

test("a folder without advisories proves nothing", () => {
  expect(judgePackages([{ name: "pad", version: "1.0.0" }], "/nowhere").status).toBe(3);
  expect(judge("1.2.9", advisory(">=0"), "pad/README.md").status).toBe(3);
});

test("packages are named by where the lock file installs them, or by its alias", () => {
  const lock = JSON.stringify({
    packages: {
      "": { name: "troop", version: "1.0.0" },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/a/node_modules/@b/c": { version: "2.0.0" },
      "node_modules/d": { name: "e", version: "3.0.0" },
    },
  });
  expect(lockedPackages(lock)).toEqual([
    { name: "a", version: "1.0.0" },
    { name: "@b/c", version: "2.0.0" },
    { name: "e", version: "3.0.0" },
  ]);
  expect(lockedPackages(readFileSync("package-lock.json", "utf8")).length).toBeGreaterThan(100);
});
