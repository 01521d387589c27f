/**
 * Standard output and standard error of the command line: written at once and to the end.
 *
 * process.stdout is not used: it hands text to a pipe in the background, and the end of the program then cuts a long
 * answer (a status of 3 MB) off after the 64 KiB a pipe holds.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";

/** Wait before a descriptor that takes nothing now (EAGAIN) is tried again, ms. */
const RETRY_MS = 5;

/** Text goes out when `write` returns. */
export interface DescriptorOutput {
  write(text: string): void;
  readonly isTty: boolean;
  /** Width of the terminal; undefined when it is none. */
  readonly columns: number | undefined;
}

/** The output of a descriptor: 1 or 2. A reader that went away (`troop status | head`) is no error: the rest is dropped. */
export function openOutput(descriptor: 1 | 2): DescriptorOutput {
  const isTty = isatty(descriptor);
  const stream = descriptor === 1 ? process.stdout : process.stderr;
  let gone = false;
  return {
    write(text) {
      if (!gone) gone = !writeAll(descriptor, Buffer.from(text));
    },
    isTty,
    columns: isTty ? stream.columns : undefined,
  };
}

/** Writes all bytes; false when nobody reads any more (EPIPE) or the disk is full. */
function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(descriptor, bytes, offset);
    } catch (error) {
      // Somebody else made the pipe non-blocking, and it is full.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false;
      Bun.sleepSync(RETRY_MS);
    }
  }
  return true;
}
