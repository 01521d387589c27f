/** What a check names on this machine. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkSchema } from "../../../src/core/check.ts";
import { checkFilesProblem } from "../../../src/shell/probe/check_files.ts";

const folder = mkdtempSync(join(tmpdir(), "check-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode: number): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const program = file("program", "#!/bin/sh\n", 0o755);
const text = file("text", "#!/bin/sh\n", 0o644);

test.each<[string, object, string | null]>([
  ["a program", { kind: "external", command: [program, "x"] }, null],
  ["what the shell runs", { kind: "external", command: ["nothing"], shell: true }, null],
  [
    "a missing program",
    { kind: "external", command: ["/nowhere/x"] },
    "the program /nowhere/x is missing on this node",
  ],
  [
    "a file that cannot be run",
    { kind: "external", command: [text] },
    `the program ${text} is not executable`,
  ],
  ["a folder", { kind: "external", command: [folder] }, `the program ${folder} is not a file`],
  ["no file at all", { kind: "https" }, null],
  [
    "a missing authority",
    { kind: "https", authority: "/nowhere/a.pem" },
    "/nowhere/a.pem cannot be read: ENOENT",
  ],
  [
    "an authority that is none",
    { kind: "imap", security: "tls", authority: text },
    `${text} has no certificate in PEM form`,
  ],
  [
    "a missing certificate",
    { kind: "tls", certificate: "/nowhere/c.pem" },
    "/nowhere/c.pem cannot be read: ENOENT",
  ],
])("%s", (_, fields, problem) => {
  expect(checkFilesProblem(checkSchema.parse(fields))).toBe(problem);
});
