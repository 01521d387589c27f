/**
 * What a runner of tests comes to, told in one line at its end, and in the file that ./task adds up.
 */
import { writeFileSync } from "node:fs";

/** See the head of this file. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** What is to be said of failures, a text each; it may have lines. Fewer than `failed` where there is nothing to say. */
  readonly failures: readonly string[];
}

/** All together. */
export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((count, { passed }) => count + passed, 0),
    failed: tallies.reduce((count, { failed }) => count + failed, 0),
    failures: tallies.flatMap(({ failures }) => failures),
  };
}

/**
 * Tells how the run of `name` ended. `file`, the argument of `--totals`, gets `PASSED FAILED` and below it what is to be
 * said of the failures, so that it can be said again at the end of everything.
 */
export function tellTally(name: string, tally: Tally, file: string | undefined): void {
  const { passed, failed, failures } = tally;
  if (file !== undefined) {
    writeFileSync(file, [`${passed} ${failed}`, ...failures, ""].join("\n"));
  }
  process.stdout.write(`${name}: ${passed} passed, ${failed} failed\n`);
}
