/**
 * The compiled program takes no orders from the folder it is started in: Bun's own programs would load
 * its `.env` and run what its `bunfig.toml` names.
 */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BINARY = resolve(import.meta.dir, "../../../dist/troop");

test("the program reads neither .env nor bunfig.toml of its working folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "troop-program-"));
  const mark = join(folder, "ran");
  writeFileSync(join(folder, ".env"), `TROOP_HOME=${join(folder, "planted")}\n`);
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./planted.ts"]\n');
  writeFileSync(join(folder, "planted.ts"), `await Bun.write(${JSON.stringify(mark)}, "");\n`);
  try {
    const { stderr, exitCode } = Bun.spawnSync([BINARY, "token"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(exitCode).toBe(1);
    // It looks for the system's file, not for the planted one.
    expect(stderr.toString()).toContain("/etc/troop/troop.yaml");
    expect(existsSync(mark)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
