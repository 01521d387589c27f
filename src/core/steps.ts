/**
 * Work in steps of some ms, written as a generator: done in one go where nothing waits, or with turns of the event loop
 * between the steps, in which pulses go out.
 */

/** Work in steps, and what comes of it. */
export type Steps<Result> = Generator<void, Result, undefined>;

/** Does all of it now. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Does a step in each turn; `turn` resolves when the next one may be done. */
export async function runInTurns<Result>(
  steps: Steps<Result>,
  turn: () => Promise<void>,
): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turn();
  }
}
