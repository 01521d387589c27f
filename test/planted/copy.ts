/**
 * A copy of the sources in a folder of its own, in which the simulator runs with a mistake in them.
 */
import { tmpdir } from "node:os";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { HuntOrder, HuntReport } from "./hunt.ts";
import type { Mistake } from "./mistake.ts";
import { plant } from "./plant.ts";

/** Time beyond that of a search after which it is ended, ms: a mistake may be a loop without an end. */
const STUCK_MS = 120_000;
/** What the simulator is made of. */
const SOURCES = ["src", "ffi", "test/sim", "test/support", "test/shell", "test/planted"];
const FILES = ["package.json", "tsconfig.json"];

const top = resolve(import.meta.dir, "../..");

/** See the head of this file. For one search at a time. */
export class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), "troop-planted-"));
  #running: Bun.Subprocess | null = null;

  constructor() {
    for (const path of [...SOURCES, ...FILES]) {
      cpSync(join(top, path), join(this.#folder, path), { recursive: true });
    }
    symlinkSync(join(top, "node_modules"), join(this.#folder, "node_modules"));
  }

  /** Searches with the mistake in its place. Rejects when the search does not end by itself. */
  async hunt(order: HuntOrder, mistake: Mistake): Promise<HuntReport> {
    const path = join(this.#folder, mistake.file);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, plant(text, mistake));
    try {
      return await this.#search(order);
    } finally {
      writeFileSync(path, text);
    }
  }

  async #search(order: HuntOrder): Promise<HuntReport> {
    const search = Bun.spawn([process.execPath, "test/planted/hunt.ts"], {
      cwd: this.#folder,
      stdin: new Blob([JSON.stringify(order)]),
      stdout: "pipe",
      stderr: "pipe",
      timeout: order.timeMs + STUCK_MS,
    });
    this.#running = search;
    const [text, problems] = await Promise.all([
      new Response(search.stdout).text(),
      new Response(search.stderr).text(),
    ]);
    const status = await search.exited;
    if (status === 0) return JSON.parse(text) as HuntReport;
    const problem = problems.trim().split("\n").at(-1) ?? "";
    throw new Error(`the search ended with status ${status}: ${problem}`);
  }

  /** Ends what runs in it and removes it. */
  remove(): void {
    this.#running?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
