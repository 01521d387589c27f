/**
 * The proof of the checks: every kind against a real server of Debian, well and broken in every way that applies.
 * Prints the table.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { chosenRows } from "./chosen_rows.ts";
import type { Cell, RowOutcome } from "./run_row.ts";
import { runRow } from "./run_row.ts";
import { rows } from "./rows.ts";
import { expectedOf, judge, writeReasons, writeTable } from "./table.ts";

/** Rows at a time: most of the time a row waits for a timeout. */
const ROWS_AT_A_TIME = 6;
/** How much later than its timeout a probe may end on a busy machine, ms. */
const LATE_MS_MAX = 1_500;
/** Bytes that may be taken of an answer without end; what sockets hold (tcp(7): some MB) comes on top. */
const FLOOD_BYTES_MAX = 16_777_216;

/** From the top of the repository, which is the folder tests run in. */
const REASONS_FILE = ".cache/servers.txt";

const outcomes: RowOutcome[] = [];
const waiting = chosenRows(rows).entries();
await Promise.all(Array.from({ length: ROWS_AT_A_TIME }, async () => {
  for (const [index, row] of waiting) outcomes[index] = await runRow(row);
}));

afterAll(async () => {
  console.log(`\n${writeTable(outcomes)}\nAll reasons are in ${REASONS_FILE}.`);
  await Bun.write(REASONS_FILE, writeReasons(outcomes));
});

describe.each(outcomes)("$row.name", (outcome) => {
  test("comes to its end", () => {
    expect(outcome.problem).toBeNull();
    expect(outcome.healthy.filter(({ ok }) => !ok)).toEqual([]);
  });

  test.each([...outcome.cells])("$failure", (cell: Cell) => {
    const { broken, repaired, timeoutMs } = cell;
    if (judge(outcome, cell) === null) {
      throw new Error(`"${broken.reason}", want ${expectedOf(outcome, cell.failure)}`);
    }
    expect(broken.tookMs).toBeLessThan(timeoutMs + LATE_MS_MAX);
    expect(repaired).toMatchObject({ ok: true });
    expect(cell.floodBytes).toBeLessThan(FLOOD_BYTES_MAX);
  });
});
