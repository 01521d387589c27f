/**
 * What came of an input, as a short text: inputs with the same text are of the same kind. This is the feedback of the
 * fuzzer, in place of code coverage, which the runtime does not offer: an input with a new outcome is kept, and
 * changed further.
 */

/** How deep results are looked at. */
const DEPTH_MAX = 3;
/** Items of a list that are looked at. */
const ITEMS_MAX = 4;

/** The shape of a result: its fields, kinds and rough sizes, and words without their numbers and quotations. */
export function shapeOf(value: unknown, depth: number = 0): string {
  if (value === null || value === undefined || typeof value === "boolean") return String(value);
  if (typeof value === "string") return `"${wordsOf(value)}"`;
  if (typeof value === "number" || typeof value === "bigint") return `n${magnitude(Number(value))}`;
  if (value instanceof Uint8Array) return `b${magnitude(value.length)}`;
  if (typeof value !== "object" || depth >= DEPTH_MAX) return typeof value;
  const items = value instanceof Map ? [...value] : Array.isArray(value) ? value : undefined;
  if (items !== undefined) {
    const shapes = items.slice(0, ITEMS_MAX).map((item) => shapeOf(item, depth + 1));
    return `${magnitude(items.length)}[${shapes.join()}]`;
  }
  const fields = Object.entries(value).slice(0, 24);
  return `{${fields.map(([key, item]) => `${wordsOf(key)}:${shapeOf(item, depth + 1)}`).join()}}`;
}

/** The error's class and words. */
export function shapeOfError(error: Error): string {
  return `${error.name}: ${wordsOf(error.message)}`;
}

function magnitude(value: number): string {
  return value === 0 || !Number.isFinite(value)
    ? String(value)
    : `${Math.floor(Math.log2(Math.abs(value)))}`;
}

/** Words alone, of which there are few: numbers and quotations are of the input. */
function wordsOf(text: string): string {
  return text.replace(/"[^"]*"/g, "…").replace(/[^A-Za-z …]+/g, "#").slice(0, 80);
}

/** How large a result is: its bytes, characters and fields, more or less. */
export function sizeOf(value: unknown): number {
  let size = 0;
  const waiting: unknown[] = [value];
  const seen = new Set<unknown>();
  while (waiting.length > 0) {
    const item = waiting.pop();
    size += 8;
    if (typeof item === "string") size += item.length;
    if (typeof item !== "object" || item === null || seen.has(item)) continue;
    seen.add(item);
    if (ArrayBuffer.isView(item)) size += item.byteLength;
    else if (item instanceof Map) waiting.push(...item.keys(), ...item.values());
    else if (Array.isArray(item)) { for (const one of item) waiting.push(one); }
    else for (const [key, one] of Object.entries(item)) waiting.push(key, one);
  }
  return size;
}
