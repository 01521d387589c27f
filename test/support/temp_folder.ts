/**
 * Folders that are gone after the test.
 *
 * Not by `afterEach`: in a module that several test files share, such a hook belongs to the first of them.
 */
import { onTestFinished } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A fresh folder, removed after the test that asks for it. Only to be called inside a test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "troop-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
