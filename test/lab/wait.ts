/**
 * Waiting for a condition, with a limit and a failure that says what was awaited and what was seen.
 */

/** How often a condition is looked at, ms: a look costs a few system calls, which the guest is slow at. */
const LOOK_EVERY_MS = 50;

/** What is awaited and for how long at most. */
export interface WaitOptions {
  /** In words, for the failure: `n2 holds the VIP`. */
  readonly what: string;
  readonly limitMs: number;
  readonly everyMs?: number;
}

/**
 * Resolves with the first value of `look` that is neither false nor undefined nor null, and rejects
 * when the limit is over. Errors of `look` count as "not yet" and are shown in the failure.
 */
export async function waitFor<T>(
  look: () => T | Promise<T>,
  options: WaitOptions,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + options.limitMs;
  for (;;) {
    let seen: unknown;
    try {
      const value = await look();
      if (value !== false && value !== undefined && value !== null) {
        return value as NonNullable<Exclude<T, false>>;
      }
      seen = value;
    } catch (error) {
      seen = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(
        `wait until ${options.what}: not so after ${options.limitMs / 1000} s; last seen: ${
          show(seen)
        }`,
      );
    }
    await Bun.sleep(options.everyMs ?? LOOK_EVERY_MS);
  }
}

function show(value: unknown): string {
  return value instanceof Error ? value.message : String(value);
}
