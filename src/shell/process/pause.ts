/**
 * Pauses in long work, so that the event loop serves everybody else meanwhile.
 */

/** How long work may hold the event loop, ms, before others have a turn. It ends between two pieces, so a piece later. */
const HOLD_MS_MAX = 2;

/** A function that lets others have a turn when the event loop has been held long enough. `now`: monotonic ms. */
export function createPause(now: () => number): () => Promise<void> {
  let sinceMs = now();
  return async () => {
    if (now() - sinceMs < HOLD_MS_MAX) return;
    await eventLoopTurn();
    sinceMs = now();
  };
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs tasks one after the other, in the order in which they came. */
export function createTurns(): <Value>(task: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const mine = last.then(task);
    last = mine.catch(() => undefined);
    return mine;
  };
}
