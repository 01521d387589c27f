/**
 * Which rows of the table a run is about.
 */
import type { Row } from "./row.ts";

/** Variable of the environment with a part of the names of the wanted rows. */
export const ROWS_VARIABLE = "TROOP_TEST_ROWS";

/** The wanted ones of these rows; all without the variable. */
export function chosenRows(rows: readonly Row[]): Row[] {
  const part = process.env[ROWS_VARIABLE] ?? "";
  return rows.filter(({ name }) => name.includes(part));
}
