/**
 * Tables for people.
 */

/** Heading, table and notes as blocks of text; none if nothing was measured. */
export function section(
  heading: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  notes?: string,
): string[] {
  if (rows.length === 0) return [];
  return [heading, table(head, rows), ...(notes === undefined ? [] : [notes])];
}

/** Aligns columns: words to the left, figures to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const numeric = head.map((_, column) => rows.every((row) => /^\d/.test(row[column] ?? "")));
  const lines = all.map((row) =>
    row.map((cell, column) =>
      numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
    ).join("  ").trimEnd()
  );
  return [lines[0], widths.map((width) => "-".repeat(width)).join("  "), ...lines.slice(1)]
    .map((line) => `  ${line}`).join("\n");
}
