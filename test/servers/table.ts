/**
 * The table of kinds and failures as text: what a person sees of the proof.
 */
import { type Failure, failures, meanings, words } from "./failures.ts";
import type { Cell, RowOutcome } from "./run_row.ts";

/** Longest text in a cell; the whole reasons stand below the table. */
const CELL_LENGTH_MAX = 12;

/** What is expected of a cell: the words of its reason, or that the failure cannot be noticed. */
export function expectedOf({ row }: RowOutcome, failure: Failure): RegExp | "up" {
  return row.words?.[failure] ?? words[failure];
}

/** Whether a cell is as expected, with the words of its reason that say so. */
export function judge(outcome: RowOutcome, { failure, broken }: Cell): string | null {
  const expected = expectedOf(outcome, failure);
  if (expected === "up") return broken.ok ? "up" : null;
  const match = broken.ok ? null : expected.exec(broken.reason);
  return match === null ? null : match[1] ?? match[0];
}

/** The table: rows and columns, and what the columns mean. */
export function writeTable(outcomes: readonly RowOutcome[]): string {
  const grid = [
    ["", ...failures],
    ...outcomes.map((outcome) => [outcome.row.name, ...failures.map((one) => show(outcome, one))]),
  ];
  const legend = failures.map((one) => `  ${one.padEnd(15)} ${meanings[one]}`);
  const notes = [
    "Words of the reason; `up`: a check of this kind cannot see it; -: does not apply; !: not as expected",
  ];
  return [...columns(grid), ...notes, ...legend].join("\n");
}

/** Every reason in full. */
export function writeReasons(outcomes: readonly RowOutcome[]): string {
  const lines = outcomes.flatMap((outcome) => [
    `${outcome.row.name} (${outcome.row.launcher.name})`,
    ...reasonsOf(outcome).map(([what, reason]) => `  ${what.padEnd(15)} ${reason}`),
    "",
  ]);
  return lines.join("\n");
}

function show(outcome: RowOutcome, failure: Failure): string {
  const cell = outcome.cells.find((one) => one.failure === failure);
  if (cell === undefined) return outcome.problem === null ? "-" : "!";
  return (judge(outcome, cell) ?? "!").slice(0, CELL_LENGTH_MAX);
}

function reasonsOf({ healthy, cells, problem }: RowOutcome): [what: string, reason: string][] {
  const inOrder = failures.flatMap((one) => cells.filter(({ failure }) => failure === one));
  return [
    ...healthy.slice(0, 1).map(({ reason }): [string, string] => ["healthy", reason]),
    ...inOrder.map(({ failure, broken }): [string, string] => [failure, broken.reason]),
    ...(problem === null ? [] : [["problem", problem] as [string, string]]),
  ];
}

function columns(grid: readonly (readonly string[])[]): string[] {
  const widths = grid[0]!.map((_, index) => Math.max(...grid.map((line) => line[index]!.length)));
  return grid.map((line) =>
    line.map((text, index) => text.padEnd(widths[index]!)).join("  ").trimEnd()
  );
}
