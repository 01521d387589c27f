/**
 * Time and chance as the document store sees them: the event loop's own, or those of the simulator, in which a run
 * can be repeated to the event.
 */
import { randomInt } from "node:crypto";

/** One above the largest name of a writer: Yjs's are 32 bits long (yjs, src/utils/Doc.js). */
const WRITERS = 2 ** 32;

/** See the head of this file. */
export interface Timers {
  /** Runs the work after a delay, ms; what is returned calls it off. */
  after(delayMs: number, work: () => void): () => void;
  /** Lets everything else run that waits for the event loop. */
  turn(): Promise<void>;
  /** A name for a writer of edits that no other one has, nor had. */
  writer(): number;
}

/** The event loop's. */
export const realTimers: Timers = {
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  writer: () => randomInt(WRITERS),
};
