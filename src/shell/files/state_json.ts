/**
 * State files in JSON: `{"format": 1, …}`. A field this version does not know is a newer one's: it is kept and written
 * again. A higher format means that a field this version knows may mean something else: it is refused, not damaged.
 * Versions before formats wrote bare lists and maps, which are read too.
 */
import { z } from "zod";
import { Refusal } from "../../core/refusal.ts";
import { errorText } from "../log/notices.ts";
import type { StateFolder } from "./state_folder.ts";

/** The format this version reads and writes. */
const FORMAT = 1;

const headSchema = z.looseObject({ format: z.int().min(1) });

/** How a file is read. */
export interface JsonFile<Content extends object> {
  readonly name: string;
  /** The known fields; unknown ones are kept beside them. */
  readonly schema: z.ZodType<Content>;
  /** What a file without a format has. */
  readonly bare?: (value: unknown) => unknown;
}

/** A file of the folder as it was read. */
export interface StateJson<Content extends object> {
  /** Undefined when there is no file, or it was damaged and set aside. */
  readonly content: Content | undefined;
  /** The bytes of the file with new content. */
  encode(content: Content): Uint8Array;
}

/** Reads a file. Throws a {@link Refusal} when a newer version wrote it in a format this one does not know. */
export function readStateJson<Content extends object>(
  folder: StateFolder,
  { name, schema, bare }: JsonFile<Content>,
): StateJson<Content> {
  const found = parse(folder, name);
  refuseNewerFormat(name, found);
  const head = headSchema.safeParse(found);
  const value = head.success || bare === undefined ? found : bare(found);
  const parsed = found === undefined ? undefined : schema.safeParse(value);
  if (parsed?.success === false) {
    folder.setAside(name, parsed.error.issues[0]?.message ?? "not what it should be");
  }
  const content = parsed?.data;
  const unknown = content !== undefined && head.success ? head.data : {};
  return { content, encode: (next) => jsonBytes({ ...unknown, format: FORMAT, ...next }) };
}

/** Throws a {@link Refusal} when the content of a file says that it is of a format after this version's. */
export function refuseNewerFormat(name: string, content: unknown): void {
  const head = headSchema.safeParse(content);
  if (head.success && head.data.format > FORMAT) throw newerFormat(name, head.data.format);
}

/** What is said to who starts an older version than the one that wrote a file. */
export function newerFormat(name: string, format: number | string): Refusal {
  return new Refusal({
    attempted: `read the state file ${name}`,
    problem: `a newer version of troop wrote it, in format ${format}`,
    remedy: "run that version or a newer one; nothing was changed",
  });
}

function parse(folder: StateFolder, name: string): unknown {
  const bytes = folder.read(name);
  if (bytes === null) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    folder.setAside(name, bytes.length === 0 ? "it is empty" : errorText(error));
    return undefined;
  }
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}
