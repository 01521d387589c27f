/**
 * `./task soak`: a simulated month of churn. Prints what the agents keep in mind, the heap after a collection of
 * garbage, and the size of a real cluster document that is edited all the time, on days 1, 10, 20 and 30. Ends with 1
 * when anything still grows between day 10 and day 30.
 *
 * All three agents share one heap with the simulator. What happens is 24 things a day; the wall clock runs the rest.
 */
import { heapStats } from "bun:jsc";
import { JOURNAL_BYTES_MAX } from "../../src/shell/document/document_file.ts";
import { Churn } from "../sim/churn.ts";
import { EditedDocument } from "./edited_document.ts";

const DAYS = 30;
const SHOWN: readonly number[] = [1, 10, 20, 30];
const PER_DAY = 24;
const EDITS_PER_DAY = 100;
/** Growth from day 10 to day 30 that counts as none: what the collector and the compiler leave varies so much. */
const HEAP_GROWTH_MAX = 1.15;
/** Traces of what was removed are merged: beside the journal, which is emptied now and then, a month is some kilobytes. */
const DOCUMENT_BYTES_MAX = JOURNAL_BYTES_MAX + 128 * 1024;

interface Line {
  readonly day: number;
  /** Entries of every collection. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly heapMb: number;
  readonly objects: number;
  readonly documentBytes: number;
}

const document = await EditedDocument.open();
const churn = await Churn.start(PER_DAY);
const lines: Line[] = [];
for (let day = 1; day <= DAYS; day++) {
  await churn.day();
  await document.edit(EDITS_PER_DAY);
  if (SHOWN.includes(day)) show(day);
}
await document.close();
const verdict = judge();
process.stdout.write(`${verdict ?? "memory is flat: nothing grows from day 10 to day 30"}\n`);
process.exit(verdict === null ? 0 : 1);

function show(day: number): void {
  for (let round = 0; round < 3; round++) Bun.gc(true);
  const { heapSize, objectCount } = heapStats();
  // Epochs of VIPs that are gone are kept up to a number, see forget_vips.ts.
  const sizes = Object.entries(churn.sizes()).filter(([what]) => !what.endsWith(" epochs"));
  const line = {
    day,
    sizes: new Map(sizes),
    heapMb: heapSize / 1e6,
    objects: objectCount,
    documentBytes: document.bytes,
  };
  lines.push(line);
  process.stdout.write(
    `day ${String(day).padStart(2)}: ${day * PER_DAY} happenings, ${
      sizes.reduce((sum, [, size]) => sum + size, 0)
    } entries kept, ` +
      `heap ${
        line.heapMb.toFixed(1)
      } MB, ${line.objects} objects; document ${line.documentBytes} ` +
      `bytes after ${day * EDITS_PER_DAY} edits\n`,
  );
}

function judge(): string | null {
  const [, before, , after] = lines;
  if (before === undefined || after === undefined) return "too few days";
  for (const [what, size] of after.sizes) {
    const sizeBefore = before.sizes.get(what) ?? 0;
    if (size > sizeBefore) return `${what} GROW: ${sizeBefore} on day 10, ${size} on day 30`;
  }
  if (after.heapMb > before.heapMb * HEAP_GROWTH_MAX) {
    return `THE HEAP GROWS: ${before.heapMb} MB on day 10, ${after.heapMb} MB on day 30`;
  }
  return after.documentBytes > DOCUMENT_BYTES_MAX
    ? `THE DOCUMENT GROWS: ${after.documentBytes} bytes, at most ${DOCUMENT_BYTES_MAX} were expected`
    : null;
}
