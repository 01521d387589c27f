/**
 * The simulator's command line, `./task sim`. Exit status 1 when an invariant was broken.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Totals, totalsText } from "./batch.ts";
import { playWithCrew } from "./crew.ts";
import { type Plan, planOf } from "./plan.ts";
import { play } from "./play.ts";
import { failureText, planText, playText } from "./report.ts";
import { tellTally } from "../support/tally.ts";
import { shrink } from "./shrink.ts";

/** Seeds without a number given: about two hours on two processors. */
const SEEDS = 100_000;
/** Failures that are told one by one; more say nothing new. */
const FAILURES_MAX = 20;
/** How often progress is told where nobody sees a line change, ms. */
const PROGRESS_MS = 60_000;

const HELP = `troop's simulator: whole clusters, faults, and what must always hold.

  ./task sim                       ${SEEDS} seeds on all processors
  ./task sim --seeds 2000          so many
  ./task sim --from 7000 --seeds 100
  ./task sim --seed 42             one seed
  ./task sim --seed 42 --trace     one seed, with everything that happens
  ./task sim --seed 42 --shrink    one seed that fails, made as small as it still fails
  ./task sim --seed 42 --save test/sim/plans/NAME.json    the same, kept as a plan: seeds.test.ts plays it ever after
  ./task sim --plan FILE           a plan that was kept; with --trace, too
  ./task sim --workers 1           with so many processes
`;

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    workers: { type: "string" },
    save: { type: "string" },
    plan: { type: "string" },
    totals: { type: "string" },
    trace: { type: "boolean", default: false },
    shrink: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A whole number of at least 1 that was given; ends the program when it is none. */
function number(name: "seeds" | "from" | "seed" | "workers", standard: number): number {
  const text = values[name];
  if (text === undefined) return standard;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  process.stderr.write(`sim: --${name} takes a whole number from 1 on, not "${text}"\n`);
  process.exit(2);
}

/** Makes a function that tells how far it is: on a terminal in one line, else now and then. */
function teller(seeds: number): (totals: Totals) => void {
  const beganMs = performance.now();
  let toldMs = beganMs;
  let broken = 0;
  return ({ seeds: done, simulatedMs, failures }) => {
    const nowMs = performance.now();
    const isTerminal = process.stderr.isTTY;
    for (const { seed, failure } of failures.slice(broken)) {
      process.stderr.write(`${isTerminal ? "\n" : ""}seed ${seed} broke: ${failure.invariant}\n`);
    }
    broken = failures.length;
    if (!isTerminal && nowMs - toldMs < PROGRESS_MS && done < seeds) return;
    toldMs = nowMs;
    const hours = (simulatedMs / 3_600_000).toFixed(1);
    const leftS = Math.round((nowMs - beganMs) * (seeds - done) / done / 1_000);
    process.stderr.write(
      `${isTerminal ? "\r" : ""}${done} of ${seeds} seeds, ${hours} simulated hours, ` +
        `${failures.length} broken, ${leftS} s left${isTerminal ? "  " : "\n"}`,
    );
    if (isTerminal && done === seeds) process.stderr.write("\n");
  };
}

function playOne(plan: Plan): number {
  const { seed } = plan;
  if (values.trace) print(playText(plan));
  const { failure, simulatedMs, events } = play(plan);
  if (failure === null) {
    if (!values.trace) print(planText(plan));
    print(`seed ${seed}: every invariant held for ${simulatedMs} ms, ${events} events`);
    return 0;
  }
  const smallest = values.shrink || values.save !== undefined ? shrink(plan, failure).plan : null;
  if (values.save !== undefined) {
    writeFileSync(values.save, `${JSON.stringify(smallest, null, 2)}\n`);
  }
  if (smallest !== null) print(playText(smallest));
  else if (!values.trace) print(`${planText(plan)}\n${failureText(plan, failure)}`);
  return 1;
}

async function playMany(): Promise<number> {
  const [seeds, from] = [number("seeds", SEEDS), number("from", 1)];
  const workers = values.workers === undefined ? {} : { workers: number("workers", 1) };
  const progress = teller(seeds);
  const totals = await playWithCrew({
    from,
    seeds,
    ...workers,
    progress,
    failuresMax: FAILURES_MAX,
  });
  print(totalsText(totals));
  const failures = totals.failures.map(({ seed, failure }) => failureText(planOf(seed), failure));
  for (const failure of failures) print(failure);
  const failed = failures.length;
  tellTally("sim", { passed: totals.seeds - failed, failed, failures }, values.totals);
  const [first] = totals.failures;
  if (first === undefined) {
    print("every invariant held");
    return 0;
  }
  const smallest = shrink(planOf(first.seed), first.failure);
  print(`\nthe first of them, made smaller:\n${playText(smallest.plan)}`);
  return 1;
}

if (values.help) print(HELP);
else if (values.seed !== undefined) process.exit(playOne(planOf(number("seed", 1))));
else if (values.plan !== undefined) {
  process.exit(playOne(JSON.parse(readFileSync(values.plan, "utf8")) as Plan));
} else process.exit(await playMany());
