/**
 * Plants one mistake after the other into a copy of the sources and lets the simulator look for it: each one must be caught
 * by a plan that passes without it. Nothing stays behind.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Copy } from "./copy.ts";
import { type Catch, caughtIn, seedOf } from "./hunt.ts";
import { keep, keptPlan } from "./kept.ts";
import type { Mistake } from "./mistake.ts";
import { mistakes } from "./mistakes.ts";

/** Seeds after which a mistake counts as not caught. */
const SEEDS_MAX = 600;
/** Time after which it does, s: of one processor. */
const SECONDS_MAX = 300;
/** Seeds from which on the plan that caught a mistake is worth keeping: more are minutes. */
const KEEP_SEEDS = 8;

const HELP = `Mistakes of one line, planted one by one; each must be caught by the simulator.

  ./task planted                 all of them
  ./task planted lease drain     those whose name has one of the words
  ./task planted --fresh         without the plans that are kept, by seeds alone
  ./task planted --keep          keeps the plans that took many seeds to find
  ./task planted --seeds 2000    so many seeds for each (${SEEDS_MAX})
  ./task planted --seconds 900   and so much time (${SECONDS_MAX})
  ./task planted --workers 1     with so many processes
`;

/** What became of one mistake. */
interface Result {
  readonly mistake: Mistake;
  readonly caught: Catch | null;
  /** Whether it was by the plan that is kept for it. */
  readonly byKept: boolean;
  readonly seeds: number;
  readonly tookMs: number;
}

interface Options {
  readonly seeds: number;
  readonly seconds: number;
  readonly workers: number;
  readonly fresh: boolean;
}

/** Searches for a mistake. What fails without it proves nothing, and is passed over. */
async function search(copy: Copy, mistake: Mistake, options: Options): Promise<Result> {
  const { kinds, documents = false } = mistake;
  const beganMs = performance.now();
  const tookMs = () => performance.now() - beganMs;
  let kept = options.fresh ? null : keptPlan(mistake);
  let seeds = 0;
  for (;;) {
    const { caught, seeds: played } = await copy.hunt({
      kept,
      from: 1 + seeds,
      count: options.seeds - seeds,
      timeMs: Math.max(0, Math.round(options.seconds * 1_000 - tookMs())),
      documents,
      ...(kinds === undefined ? {} : { kinds }),
    }, mistake);
    seeds += played;
    const without = caught === null ? null : await caughtIn(caught.game);
    if (without === null) {
      const byKept = caught !== null && played === 0;
      return { mistake, caught, byKept, seeds, tookMs: tookMs() };
    }
    console.log(`seed ${seedOf(without.game)} fails without any mistake: ${without.what}`);
    kept = null;
  }
}

const HEAD = ["mistake", "caught by", "seed", "seeds", "s"];

function row({ mistake, caught, byKept, seeds, tookMs }: Result): string[] {
  return [
    mistake.name,
    caught?.invariant ?? "NOT CAUGHT",
    caught === null ? "" : byKept ? "kept" : String(seedOf(caught.game)),
    String(seeds),
    (tookMs / 1_000).toFixed(1),
  ];
}

/** Widths of the first two columns: the longest name, and the longest invariant. */
function line(cells: readonly string[], nameWidth: number): string {
  const [name = "", invariant = "", seed = "", seeds = "", seconds = ""] = cells;
  return `${name.padEnd(nameWidth)}  ${invariant.padEnd(68)}  ${seed.padStart(4)}  ${
    seeds.padStart(5)
  }  ${seconds.padStart(5)}`;
}

async function searchAll(
  chosen: readonly Mistake[],
  options: Options,
  tell: (result: Result) => void,
): Promise<Result[]> {
  const copies = Array.from({ length: options.workers }, () => new Copy());
  const remove = () => copies.forEach((copy) => copy.remove());
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      remove();
      process.exit(1);
    });
  }
  try {
    const left = [...chosen];
    const results: Result[] = [];
    await Promise.all(copies.map(async (copy) => {
      for (let mistake = left.shift(); mistake !== undefined; mistake = left.shift()) {
        const result = await search(copy, mistake, options);
        results.push(result);
        tell(result);
      }
    }));
    return results;
  } finally {
    remove();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      seeds: { type: "string", default: String(SEEDS_MAX) },
      seconds: { type: "string", default: String(SECONDS_MAX) },
      workers: { type: "string", default: String(availableParallelism()) },
      fresh: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const chosen = mistakes.filter(({ name }) =>
    positionals.length === 0 || positionals.some((word) => name.includes(word))
  );
  if (chosen.length === 0) {
    console.error(`planted: no mistake has "${positionals.join('" or "')}" in its name`);
    return 2;
  }
  const nameWidth = Math.max(...chosen.map(({ name }) => name.length));
  const options = {
    seeds: Number(values.seeds),
    seconds: Number(values.seconds),
    workers: Number(values.workers),
    fresh: values.fresh,
  };
  console.log(line(HEAD, nameWidth));
  const results = await searchAll(chosen, options, (result) => {
    console.log(line(row(result), nameWidth));
    const { caught, mistake, seeds } = result;
    const game = seeds > KEEP_SEEDS ? caught?.game : undefined;
    if (values.keep && game !== undefined && "plan" in game) keep(mistake, game.plan);
  });
  const missed = results.filter(({ caught }) => caught === null);
  console.log(`\n${results.length - missed.length} of ${results.length} caught`);
  for (const { mistake } of missed) console.log(`NOT CAUGHT: ${mistake.name}: ${mistake.breaks}`);
  return missed.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await main());
