/**
 * Bytes as an operator types them: text, and escapes for what a keyboard does not have.
 *
 * The cluster document keeps the text as it was typed; whoever sends it or looks for it asks for its bytes here.
 */

/** The escapes of one character. */
const SINGLE: Readonly<Record<string, number>> = {
  r: 13,
  n: 10,
  t: 9,
  "0": 0,
  "\\": 92,
};
const ESCAPE = /\\(x[0-9A-Fa-f]{2}|[rnt0\\])/g;

/** What is wrong with the escapes of a text, in words; null when nothing is. */
export function escapeProblem(text: string): string | null {
  const odd = /\\.?/su.exec(text.replace(ESCAPE, ""))?.[0];
  if (odd === undefined) return null;
  return `"${odd}" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH`;
}

/**
 * The bytes of a text: UTF-8, with `\r \n \t \0 \\` and `\xHH` for the byte HH. An unknown escape stands for itself,
 * so that nothing throws; {@link escapeProblem} refuses it where it is entered.
 */
export function escapedBytes(text: string): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const [escape, name = ""] = match;
    parts.push(encoder.encode(text.slice(from, match.index)));
    parts.push(Uint8Array.of(SINGLE[name] ?? parseInt(name.slice(1), 16)));
    from = match.index + escape.length;
  }
  parts.push(encoder.encode(text.slice(from)));
  return joined(parts);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
