/**
 * The first line of a file: a password, a secret.
 */
import { closeSync, openSync, readSync } from "node:fs";

/** Bytes of a first line: more is no password but a mistyped name. */
const LINE_BYTES_MAX = 4_096;

/** The first line of a file, without its end. Throws what the system says, or that the line is too long. */
export function readFirstLine(path: string): string {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(LINE_BYTES_MAX + 1);
    let length = 0;
    // A pipe gives what it has, a part at a time.
    while (length < buffer.length && !buffer.subarray(0, length).includes("\n")) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    const [line = ""] = buffer.toString("utf8", 0, length).split(/\r?\n/);
    if (Buffer.byteLength(line) > LINE_BYTES_MAX) throw new Error("its first line is too long");
    return line;
  } finally {
    closeSync(file);
  }
}
