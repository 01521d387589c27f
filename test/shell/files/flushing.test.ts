/**
 * What is acknowledged survives a power cut: proved on the system calls a program really makes, as a missing flush shows
 * in nothing else that can be seen before the power goes.
 *
 * What a file has is on disk when the file is flushed behind the last write; what it is called, when its folder is
 * flushed behind the renaming (fsync(2)). A file must have its bytes before it has its name.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { tracedSteps } from "../../support/system_calls.ts";
import { tempFolder } from "../../support/temp_folder.ts";

setDefaultTimeout(60_000);

/** What is done to files until each step is acknowledged. */
const flushed: Readonly<Record<string, readonly string[]>> = {
  start: [],
  make: ["flush lib", "flush .", "flush lib/troop"],
  // Of names that an earlier run gave and had no time to flush.
  open: ["flush state"],
  writeNow: ["write state/a.tmp", "flush state/a.tmp", "rename state/a.tmp state/a", "flush state"],
  write: ["write state/b.tmp", "flush state/b.tmp", "rename state/b.tmp state/b", "flush state"],
  append: ["write state/b", "flush state/b"],
  replaceWhole: ["write c.new", "flush c.new", "rename c.new c", "flush ."],
  createConfigFile: [
    "write troop.yaml.new",
    "flush troop.yaml.new",
    "link troop.yaml.new troop.yaml",
    "flush .",
  ],
  event: ["write events.log", "flush events.log"],
};

test("whatever is acknowledged is flushed before, and bytes before their name", () => {
  const script = join(import.meta.dir, "../../support/flushing_child.ts");
  const steps = tracedSteps(script, realpathSync(tempFolder()));
  expect(Object.fromEntries(steps)).toEqual(flushed as Record<string, string[]>);
});

test("whatever a disk fails to flush is not acknowledged", () => {
  const script = join(import.meta.dir, "../../support/failing_flush_child.ts");
  const { stdout, stderr } = Bun.spawnSync([
    ...["strace", "-f", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:error=EIO"],
    ...[process.execPath, script, tempFolder()],
  ]);
  expect(stderr.toString()).toBe("");
  const told = stdout.toString().trimEnd().split("\n");
  expect(told.filter((line) => line.includes("EIO"))).toEqual(told);
  expect(told.map((line) => line.split(":")[0])).toEqual([
    "writeNow is refused",
    "write is refused",
    "append is refused",
    "replaceWhole throws",
  ]);
});
