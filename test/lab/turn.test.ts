/** One run of the lab at a time, and no run is kept out by a dead one. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takeTurn } from "./turn.ts";

describe("takeTurn", () => {
  test("waits while another holds it, and takes it when it is free", async () => {
    const folder = mkdtempSync(join(tmpdir(), "troop-turn-"));
    const file = join(folder, "turn");
    const first = await takeTurn(file);
    let second: Disposable | undefined;
    const waiting = takeTurn(file).then((turn) => second = turn);
    await Bun.sleep(0);
    expect(second).toBeUndefined();
    first[Symbol.dispose]();
    await waiting;
    expect(readFileSync(file, "utf8")).toBe(String(process.pid));
    second![Symbol.dispose]();
    expect(existsSync(file)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("takes it from a process that has died", async () => {
    const folder = mkdtempSync(join(tmpdir(), "troop-turn-"));
    const file = join(folder, "turn");
    const dead = Bun.spawnSync(["true"]);
    writeFileSync(file, String(dead.pid));
    using _turn = await takeTurn(file);
    expect(readFileSync(file, "utf8")).toBe(String(process.pid));
    rmSync(folder, { recursive: true });
  });
});
