/**
 * Fields of an entry in a file: each has the name of the option that sets it on the command line, and one place that
 * reads and writes it.
 */
import { onOffField, type Reading } from "./field_codecs.ts";
import type { FileEntry, FileNode, FileValue, Mistakes } from "./tree.ts";

/** A field that stands for itself. */
export interface Field<Entry> {
  /** As in the file. */
  readonly name: string;
  /** The property of the entry. */
  readonly property: keyof Entry & string;
  readonly read: (text: string) => Reading;
  /** What is written; undefined: nothing, because it is the standard. */
  readonly write: (entry: Entry) => FileValue | undefined;
}

/** The properties that the fields of a map name. What no field knows is a mistake, unless it is in `others`. */
export function readFields<Entry>(
  entries: readonly FileEntry[],
  fields: readonly Field<Entry>[],
  { what, others = [], mistakes }: {
    readonly what: string;
    readonly others?: readonly string[];
    readonly mistakes: Mistakes;
  },
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { key, at, value } of entries) {
    if (others.includes(key)) continue;
    const field = fields.find(({ name }) => name === key);
    if (field === undefined) {
      const known = [...fields.map(({ name }) => name), ...others];
      mistakes.add(at, `${what} has no "${key}": it can have ${known.join(", ")}`);
      continue;
    }
    const reading = readText(value, field.read);
    if ("problem" in reading) mistakes.add(value.at, `${key}: ${reading.problem}`);
    else values[field.property] = reading.value;
  }
  return values;
}

/** Reads the one text of a value. */
export function readText(node: FileNode, read: (text: string) => Reading): Reading {
  if (node.kind === "text") return read(node.text);
  return {
    problem: node.kind === "null"
      ? "has no value: write one, or leave the line out"
      : "must be one value, not a list or a map",
  };
}

/** The texts of a list of texts; what is none is a mistake. A single text is a list of one. */
export function readTexts(node: FileNode, what: string, mistakes: Mistakes): FileText[] {
  if (node.kind === "text") return [{ text: node.text, at: node.at }];
  if (node.kind !== "list") {
    mistakes.add(node.at, `${what}: must be a list`);
    return [];
  }
  return node.items.flatMap((item): FileText[] => {
    if (item.kind === "text") return [{ text: item.text, at: item.at }];
    mistakes.add(item.at, `${what}: must be a list of single values`);
    return [];
  });
}

/** A text and its place. */
export type FileText = Pick<Extract<FileNode, { readonly kind: "text" }>, "text" | "at">;

/** A switch that is written where it is not the standard. */
export function switchField<Entry>(
  name: string,
  property: keyof Entry & string,
  standard: boolean,
): Field<Entry> {
  return {
    name,
    property,
    read: onOffField,
    write: (entry) => entry[property] === standard ? undefined : entry[property] as boolean,
  };
}
