/**
 * Waiting for something to become true, with an end.
 */

/** Time after which a test gives up waiting, ms: far beyond what is expected, so a slow machine is no failure. */
const PATIENCE_MS = 15_000;

/** Resolves when the condition holds; rejects, with what was waited for, when it does not come true. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`did not come true: ${what}`);
    await Bun.sleep(5);
  }
}
