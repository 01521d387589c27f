/**
 * The document's file as YAML: written for people, and read with the place of everything in it.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  stringify,
} from "yaml";
import type { FileMap, FileNode, Mistake, Place } from "../core/file/tree.ts";

/** Largest file, characters: four times the largest document in its own form, which has fewer words. */
export const FILE_CHARS_MAX = 64 * 1_048_576;
/** How deep a file goes: section, service, servers, server, field. Deeper is a mistake, or a trap. */
const DEPTH_MAX = 8;

/** Writes the file with a comment above it. Sections without anything stand in it as empty ones. */
export function writeYaml(head: readonly string[], content: FileMap): string {
  const comment = head.map((line) => `# ${line}\n`).join("");
  const blocks = Object.entries(content).map(([key, value]) =>
    stringify({ [key]: value }, { lineWidth: 0, blockQuote: false })
  );
  return `${comment}${blocks.join("\n")}`;
}

/** Reads a file; mistakes instead when it is no YAML. */
export function readYaml(text: string): FileNode | readonly Mistake[] {
  if (text.length > FILE_CHARS_MAX) {
    return [{
      at: { line: 1, column: 1 },
      text: `the file has more than ${FILE_CHARS_MAX} characters`,
    }];
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const mistakes: Mistake[] = document.errors.map(({ pos, message }) => ({
    at: placeOf(lines, pos[0]),
    text: (message.split("\n")[0] ?? "is not YAML").replace(/[.:]$/, ""),
  }));
  if (mistakes.length > 0) return mistakes;
  return new TreeReader(lines).read(document.contents, 0);
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** What stops the reading: a form no such file has. */
class Odd extends Error {
  readonly at: Place;

  constructor(at: Place, text: string) {
    super(text);
    this.at = at;
  }
}

class TreeReader {
  readonly #lines: LineCounter;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  read(contents: Document["contents"], depth: number): FileNode | readonly Mistake[] {
    try {
      return this.#node(contents, { line: 1, column: 1 }, depth);
    } catch (error) {
      if (error instanceof Odd) return [{ at: error.at, text: error.message }];
      throw error;
    }
  }

  #node(node: unknown, near: Place, depth: number): FileNode {
    const at = isNode(node) && node.range ? placeOf(this.#lines, node.range[0]) : near;
    if (depth > DEPTH_MAX) throw new Odd(at, "nothing lies so deep in this file");
    if (node === null || node === undefined) return { kind: "null", at };
    // An alias could make a few lines stand for millions.
    if (isAlias(node)) throw new Odd(at, "this file takes no anchors and aliases: write it out");
    if (isSeq(node)) {
      return {
        kind: "list",
        at,
        items: node.items.map((item) => this.#node(item, at, depth + 1)),
      };
    }
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => {
        const name = this.#node(key, at, depth + 1);
        if (name.kind !== "text") throw new Odd(name.at, "a key must be a single word");
        return { key: name.text, at: name.at, value: this.#node(value, name.at, depth + 1) };
      });
      return { kind: "map", entries, at };
    }
    if (!isScalar(node)) throw new Odd(at, "this is not understood");
    return node.value === null ? { kind: "null", at } : { kind: "text", text: textOf(node), at };
  }
}

/** The text as it was typed: `010` and `1e3` are not silently other numbers. */
function textOf(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : scalar.source ?? String(scalar.value);
}
