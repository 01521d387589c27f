/**
 * Files that a person names: read whole, and replaced whole or not at all.
 */
import { readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { replaceWhole } from "./whole_file.ts";

/** Largest file that is read, bytes: far above the largest document. */
const FILE_BYTES_MAX = 128 * 1_048_576;

/** Reads a file, or what stands behind a name like /dev/stdin. Throws what the system says, or that it is too long. */
export function readText(path: string): string {
  const size = statSync(path).size;
  if (size > FILE_BYTES_MAX) {
    throw new Error(`it has ${size} bytes, and at most ${FILE_BYTES_MAX} are read`);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
}

/** Writes a file beside the old one and puts it in its place; what is no plain file is written to. */
export function writeText(path: string, text: string, secret: boolean): void {
  const present = statSync(path, { throwIfNoEntry: false });
  if (present !== undefined && !present.isFile()) return writeFileSync(path, text);
  // A link keeps pointing at the file it names.
  const place = present === undefined ? path : realpathSync(path);
  replaceWhole(place, text, secret ? 0o600 : present ?? 0o666);
}
