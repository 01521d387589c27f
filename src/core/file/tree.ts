/**
 * A file of a person as a tree of maps, lists and texts, each with its place: what is wrong in it is told by line and
 * column. What form the file has (YAML) is the business of who reads it.
 */

/** A place in a file, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A value of the file. `null` is a key without a value. */
export type FileNode =
  | { readonly kind: "text"; readonly text: string; readonly at: Place }
  | { readonly kind: "list"; readonly items: readonly FileNode[]; readonly at: Place }
  | { readonly kind: "map"; readonly entries: readonly FileEntry[]; readonly at: Place }
  | { readonly kind: "null"; readonly at: Place };

/** An entry of a map. */
export interface FileEntry {
  readonly key: string;
  readonly at: Place;
  readonly value: FileNode;
}

/** Something wrong in a file. */
export interface Mistake {
  readonly at: Place;
  readonly text: string;
}

/** What a file can have as a value, for writing one. */
export type FileValue = string | number | boolean | readonly FileValue[] | FileMap;

/** A map of a file, in the order in which it is written. */
export interface FileMap {
  readonly [key: string]: FileValue;
}

/** Collects what is wrong, so that all of it is told at once. */
export class Mistakes {
  readonly #list: Mistake[] = [];

  add(at: Place, text: string): void {
    this.#list.push({ at, text });
  }

  /** In the order of the file. */
  list(): Mistake[] {
    return this.#list.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  }

  get count(): number {
    return this.#list.length;
  }
}

/** The entries of a map; a key without a value is an empty one. Anything else is a mistake, and empty. */
export function entriesOf(
  node: FileNode,
  what: string,
  mistakes: Mistakes,
): readonly FileEntry[] {
  if (node.kind === "map") return node.entries;
  if (node.kind !== "null") mistakes.add(node.at, `${what} must be a map of \`key: value\` lines`);
  return [];
}

/** The items of a list; anything else is a mistake, and empty. */
export function itemsOf(node: FileNode, what: string, mistakes: Mistakes): readonly FileNode[] {
  if (node.kind === "list") return node.items;
  if (node.kind !== "null") mistakes.add(node.at, `${what} must be a list`);
  return [];
}
