/**
 * Shares turns of the event loop: so much is done in one turn by all who ask, and the rest in the next ones.
 */

/** Makes a share; each call resolves when there is room in a turn, in the order of the calls. */
export function createTurnShare(perTurn: number): () => Promise<void> {
  let inTurn = 0;
  let next: Promise<void> | undefined;
  const turn = () =>
    next ??= new Promise((resolve) =>
      setImmediate(() => {
        next = undefined;
        inTurn = 0;
        resolve();
      })
    );
  return async () => {
    // Those who waited may have to wait once more, still in their order.
    while (inTurn >= perTurn) await turn();
    inTurn++;
    void turn();
  };
}
