/**
 * Runs all lab tests on a few machines at a time, one for each processor of this computer; each takes the next
 * file that nobody has taken. Ends with one line of totals. Arguments choose files by part of their name;
 * `--totals FILE` writes them, and what failed, into a file.
 *
 * A file without a complete report counts as a failed test, whatever the reason; so does a skipped test.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { basename, join, relative } from "node:path";
import { labFolder, repository, runInLab } from "./boot.ts";
import { addTallies, type Tally, tellTally } from "../support/tally.ts";
import { readReport } from "./junit.ts";
import { takeTurn } from "./turn.ts";

/** Machines at a time at most. */
const MACHINES_MAX = 2;
/** Each must be through by then, ms. */
const LIMIT_MS = 60 * 60_000;

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
const { values, positionals: wanted } = parseArgs({
  args: process.argv.slice(2),
  options: { totals: { type: "string" } },
  allowPositionals: true,
});
const scenarioFolder = join(import.meta.dir, "scenarios");
const files = scenarioFiles(wanted);
using _turn = await takeTurn(join(labFolder, "turn"));
const reports = join(labFolder, "reports");
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const problems = await runFiles(files);
for (const problem of problems) process.stdout.write(`${problem}\n`);
// Whatever its tests said: a machine that did not come to its end is a failure of its own.
const machines = { passed: 0, failed: problems.length, failures: problems };
const tally = addTallies([...files.map(outcomeOf), machines]);
tellTally("lab", tally, values.totals);
process.exit(tally.failed > 0 || tally.passed === 0 ? 1 : 0);

/** The lab tests, chosen by parts of their names: scenarios, and what the kernel ports do on a real kernel. */
function scenarioFiles(parts: readonly string[]): string[] {
  const folders = [scenarioFolder, join(import.meta.dir, "../kernel")];
  const found = folders.flatMap((folder) =>
    readdirSync(folder).filter((name) => name.endsWith(".test.ts")).toSorted()
      .map((name) => join(folder, name))
  );
  const chosen = found.filter((file) =>
    parts.length === 0 ||
    parts.some((part) =>
      `/${relative(repository, file)}`.includes(`/${part}`) || basename(file).includes(part)
    )
  );
  if (chosen.length === 0) {
    process.stderr.write(
      `run scenarios: no file matches "${parts.join(" ")}"; there are ${
        found.map((file) => basename(file))
      }\n`,
    );
    process.exit(2);
  }
  return chosen;
}

/** Runs the files; returns what went wrong with the machines. */
async function runFiles(chosen: readonly string[]): Promise<string[]> {
  const count = Math.min(MACHINES_MAX, availableParallelism(), chosen.length);
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const results = await Promise.all(numbers.map((number) => runMachine(number, chosen)));
  return results.filter((problem) => problem !== null);
}

/** Boots one machine that works through the files; returns what went wrong with the machine, or null. */
async function runMachine(number: number, chosen: readonly string[]): Promise<string | null> {
  const prefix = `lab ${number} | `;
  const print = linePrinter(prefix);
  const names = chosen.map((file) => relative(repository, file));
  const { status, problem } = await runInLab({
    name: `guest-${number}`,
    processor: number - 1,
    command: [join(import.meta.dir, "work.sh"), process.execPath, reports, ...names],
    limitMs: LIMIT_MS,
    output: print,
  });
  if (problem !== null) return problem;
  return status === 0 ? null : `lab ${number}: the runner ended with status ${status}`;
}

function linePrinter(prefix: string): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) process.stdout.write(`${prefix}${line}\n`);
  };
}

/** What the last run of a file said. Without a whole report that is one failure. */
function outcomeOf(file: string): Tally {
  const name = join(reports, basename(file));
  const status = existsSync(`${name}.status`) ? Number(readFileSync(`${name}.status`, "utf8")) : 1;
  return readReport(`${name}.xml`, status) ??
    { passed: 0, failed: 1, failures: [`${relative(repository, file)} has not run to its end`] };
}
