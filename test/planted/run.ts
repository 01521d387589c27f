/**
 * Plants one mistake after the other into a copy of the sources and lets the simulator look for it: each one must be caught
 * by a seed that passes without it. Nothing stays behind.
 *
 *     bun test/planted/run.ts [WORD...]     the mistakes whose name has one of the words; all without
 */
import { availableParallelism, tmpdir } from "node:os";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { HuntOrder, HuntReport } from "./hunt.ts";
import { type Mistake, mistakes } from "./mistakes.ts";
import { plant } from "./plant.ts";

/** Seeds after which a mistake counts as not caught. */
const SEEDS_MAX = 600;
/** Time after which it does, s: of one processor. */
const SECONDS_MAX = 300;
/** Time after which a search is ended that does not end by itself, s: a mistake may be a loop without an end. */
const STUCK_SECONDS = SECONDS_MAX + 120;
/** What the simulator is made of. */
const SOURCES = ["src", "ffi", "test/sim", "test/support", "test/shell", "test/planted"];
const FILES = ["package.json", "tsconfig.json"];

const top = resolve(import.meta.dir, "../..");

/** What became of one mistake. */
interface Result {
  readonly mistake: Mistake;
  readonly report: HuntReport;
}

/** A copy of the sources in a folder of its own, for one search at a time. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), "troop-planted-"));
  #running: Bun.Subprocess | null = null;

  constructor() {
    for (const path of [...SOURCES, ...FILES]) {
      cpSync(join(top, path), join(this.#folder, path), { recursive: true });
    }
    symlinkSync(join(top, "node_modules"), join(this.#folder, "node_modules"));
  }

  /** Searches with the mistake in its place, or without any. */
  async hunt(order: HuntOrder, mistake?: Mistake): Promise<HuntReport> {
    if (mistake === undefined) return await this.#search(order);
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
    const search = Bun.spawn(
      [process.execPath, "test/planted/hunt.ts", JSON.stringify(order)],
      {
        cwd: this.#folder,
        stdout: "pipe",
        stderr: "pipe",
        stdin: "ignore",
        timeout: STUCK_SECONDS * 1_000,
      },
    );
    this.#running = search;
    const text = await new Response(search.stdout).text();
    const status = await search.exited;
    if (status === 0) return JSON.parse(text) as HuntReport;
    const problem = (await new Response(search.stderr).text()).trim().split("\n").at(-1) ?? "";
    throw new Error(`the search ended with status ${status}: ${problem}`);
  }

  /** Ends what runs in it and removes it. */
  remove(): void {
    this.#running?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Searches for a mistake. A seed that fails without it proves nothing, and is passed over. */
async function caught(copy: Copy, mistake: Mistake, seeds: number): Promise<HuntReport> {
  const except: number[] = [];
  const { kinds } = mistake;
  for (;;) {
    const order = {
      from: 1,
      count: seeds,
      timeMs: SECONDS_MAX * 1_000,
      except,
      ...(kinds === undefined ? {} : { kinds }),
    };
    const report = await copy.hunt(order, mistake);
    const seed = report.caught[0]?.seed;
    if (seed === undefined) return report;
    const without = await copy.hunt({ ...order, from: seed, count: 1 });
    if (without.caught.length === 0) return report;
    console.log(`seed ${seed} fails without any mistake: ${without.caught[0]?.what}`);
    except.push(seed);
  }
}

function row({ mistake, report }: Result): string[] {
  const [first] = report.caught;
  return [
    mistake.name,
    first === undefined ? "NOT CAUGHT" : first.invariant,
    first === undefined ? "" : String(first.seed),
    String(report.seeds),
    (report.tookMs / 1_000).toFixed(1),
  ];
}

const HEAD = ["mistake", "caught by", "seed", "seeds", "s"];

/** Widths of the first two columns: the longest name, and the longest invariant. */
function line(cells: readonly string[], nameWidth: number): string {
  const [name = "", invariant = "", seed = "", seeds = "", seconds = ""] = cells;
  return `${name.padEnd(nameWidth)}  ${invariant.padEnd(68)}  ${seed.padStart(4)}  ${
    seeds.padStart(5)
  }  ${seconds.padStart(5)}`;
}

async function search(chosen: readonly Mistake[], seeds: number): Promise<Result[]> {
  const copies = Array.from({ length: availableParallelism() }, () => new Copy());
  const remove = () => copies.forEach((copy) => copy.remove());
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      remove();
      process.exit(1);
    });
  }
  try {
    const nameWidth = Math.max(...chosen.map(({ name }) => name.length));
    console.log(line(HEAD, nameWidth));
    const left = [...chosen];
    const results: Result[] = [];
    await Promise.all(copies.map(async (copy) => {
      for (let mistake = left.shift(); mistake !== undefined; mistake = left.shift()) {
        const result = { mistake, report: await caught(copy, mistake, seeds) };
        results.push(result);
        console.log(line(row(result), nameWidth));
      }
    }));
    return results;
  } finally {
    remove();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { seeds: { type: "string", default: String(SEEDS_MAX) } },
    allowPositionals: true,
  });
  const chosen = mistakes.filter(({ name }) =>
    positionals.length === 0 || positionals.some((word) => name.includes(word))
  );
  if (chosen.length === 0) {
    console.error(`planted: no mistake has "${positionals.join('" or "')}" in its name`);
    return 2;
  }
  const results = await search(chosen, Number(values.seeds));
  const missed = results.filter(({ report }) => report.caught.length === 0);
  console.log(`\n${results.length - missed.length} of ${results.length} mistakes are caught`);
  for (const { mistake } of missed) console.log(`NOT CAUGHT: ${mistake.name}: ${mistake.breaks}`);
  return missed.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await main());
