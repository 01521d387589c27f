/**
 * How much of this machine's processors is free.
 */
import { readFileSync } from "node:fs";
import {
  freePart,
  parseProcessorTime,
  type ProcessorTime,
  smoothed,
} from "../../core/processor_time.ts";
import type { ProcessorLoad } from "../../core/pool/load_weight.ts";

/** Opens it. `read` gives the text of /proc/stat; it may throw. */
export function openProcessorLoad(
  read: () => string = () => readFileSync("/proc/stat", "latin1"),
): ProcessorLoad {
  let last: ProcessorTime | undefined;
  let known: number | null = null;
  return {
    free: () => {
      const time = readTime(read);
      const part = time === undefined || last === undefined ? null : freePart(last, time);
      last = time;
      if (part !== null) known = smoothed(known, part);
      return known === null ? null : Math.round(known);
    },
  };
}

function readTime(read: () => string): ProcessorTime | undefined {
  try {
    return parseProcessorTime(read());
  } catch {
    // A container may hide it: then nothing is told.
    return undefined;
  }
}
