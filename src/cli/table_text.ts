/**
 * Tables of plain text: columns as wide as their widest cell, readable in 80 characters, with colour or without.
 */

/** How a cell stands out on a terminal. The text alone says the same. */
export type Tone = "plain" | "good" | "bad" | "warning" | "faint" | "heading";

/** A cell; a bare string is plain. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** A row of cells, or a line of its own over all columns. */
export type Row = readonly Cell[] | { readonly line: readonly Cell[] };

/** How to write. */
export interface TextStyle {
  readonly colour: boolean;
  /** Longest line in characters; the last cell of a row is cut to fit. Undefined: nothing is cut. */
  readonly width: number | undefined;
}

/** Space between two columns. */
const GAP = "  ";
/** Narrowest last column before cutting stops making sense. */
const LAST_WIDTH_MIN = 12;
/** SGR codes (ECMA-48, 8.3.117) of the tones. */
const SGR: Record<Tone, string> = {
  plain: "",
  good: "32",
  bad: "1;31",
  warning: "33",
  faint: "2",
  heading: "1",
};

/** Writes rows under a heading, one line each, each line ending with a newline. Numbers belong in `rightAligned` columns. */
export function tableText(
  { heading, rows, rightAligned = [] }: {
    readonly heading: readonly string[];
    readonly rows: readonly Row[];
    readonly rightAligned?: readonly number[];
  },
  style: TextStyle,
): string {
  const head = heading.map((text): Cell => ({ text, tone: "heading" }));
  const lines: Row[] = [head, ...rows];
  const widths = heading.map((_, column) =>
    // Not Math.max(...): a hundred thousand arguments are too many for a call.
    lines.reduce(
      (widest, row) => "line" in row ? widest : Math.max(widest, textWidth(plainText(row[column]))),
      0,
    )
  );
  return lines.map((row) =>
    "line" in row ? lineText(row.line, style) : rowText(row, { widths, rightAligned }, style)
  ).join("");
}

function rowText(
  row: readonly Cell[],
  { widths, rightAligned }: {
    readonly widths: readonly number[];
    readonly rightAligned: readonly number[];
  },
  style: TextStyle,
): string {
  const used = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
  const cells = widths.map((width, column) => {
    const last = column === widths.length - 1;
    const text = last ? cut(plainText(row[column]), used, style) : plainText(row[column]);
    const pad = " ".repeat(Math.max(0, width - textWidth(text)));
    const coloured = toned(text, toneOf(row[column]), style);
    if (rightAligned.includes(column)) return pad + coloured;
    return last ? coloured : coloured + pad;
  });
  return `${cells.join(GAP).trimEnd()}\n`;
}

function lineText(cells: readonly Cell[], style: TextStyle): string {
  const words: string[] = [];
  let used = 0;
  for (const cell of cells) {
    const text = cut(plainText(cell), used, style);
    used += textWidth(text) + GAP.length;
    words.push(toned(text, toneOf(cell), style));
  }
  return `${words.join(GAP)}\n`;
}

function cut(text: string, used: number, { width }: TextStyle): string {
  if (width === undefined) return text;
  const room = Math.max(LAST_WIDTH_MIN, width - used);
  return textWidth(text) <= room ? text : `${[...text].slice(0, room - 3).join("")}...`;
}

/** Colours a text when the style has colour. */
export function toned(text: string, tone: Tone, { colour }: Pick<TextStyle, "colour">): string {
  const code = SGR[tone];
  return colour && code !== "" && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** A text on one line without control characters: what peers and probes say must not move a cursor or set a colour. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
}

function plainText(cell: Cell | undefined): string {
  return printable(typeof cell === "object" ? cell.text : cell ?? "");
}

function toneOf(cell: Cell | undefined): Tone {
  return typeof cell === "object" ? cell.tone : "plain";
}

/** Characters, not bytes and not UTF-16 units; wide scripts are rare enough in names and reasons. */
function textWidth(text: string): number {
  return [...text].length;
}

/** The style for a terminal or a pipe: colour only for a terminal and not against NO_COLOR (no-color.org). */
export function styleFor(
  output: { readonly isTty: boolean; readonly columns: number | undefined },
  env: Readonly<Record<string, string | undefined>>,
): TextStyle {
  const colour = output.isTty && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return { colour, width: output.isTty ? output.columns : undefined };
}
