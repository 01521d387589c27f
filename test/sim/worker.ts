/**
 * One of the processes that play seeds: gets ranges of them, answers with what they came to.
 */
import { playSeeds } from "./batch.ts";

/** What a worker is asked: seeds from here on, so many. */
export interface Range {
  readonly from: number;
  readonly count: number;
}

process.on("message", (range: Range) => {
  process.send?.(playSeeds(range.from, range.count));
});
