/**
 * A difference for people: what is added (+), changed (~) and removed (-), each field on a line of its own, aligned.
 */
import { type ChangeWords, STANDARD } from "../core/document/difference_words.ts";
import { printable, type TextStyle, type Tone, toned } from "./table_text.ts";

const TONES: Record<ChangeWords["sign"], Tone> = { "+": "good", "-": "bad", "~": "warning" };
/** Longest field name that others are aligned to. */
const NAME_WIDTH_MAX = 16;

/** Writes the changes. */
export function differenceText(changes: readonly ChangeWords[], style: TextStyle): string {
  const names = changes.flatMap(({ fields }) => fields.map(({ name }) => name.length));
  const width = Math.min(NAME_WIDTH_MAX, Math.max(0, ...names.slice(0, 10_000)));
  return changes.map((change) => {
    const { sign, what, fields } = change;
    const head = `${toned(`${sign} ${printable(what)}`, TONES[sign], style)}\n`;
    const lines = fields.map(({ name, before, after }) => {
      const value = sign === "+"
        ? printable(after ?? "")
        : `${printable(before ?? STANDARD)} -> ${printable(after ?? STANDARD)}`;
      return `    ${name.padEnd(width)}  ${value}\n`;
    });
    return head + lines.join("");
  }).join("");
}

/** The last line: `2 to add, 1 to change, 1 to remove`. */
export function differenceSummary(changes: readonly ChangeWords[]): string {
  const count = (sign: ChangeWords["sign"]) =>
    changes.filter((change) => change.sign === sign).length;
  return `${count("+")} to add, ${count("~")} to change, ${count("-")} to remove`;
}
