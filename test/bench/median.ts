/**
 * The one in the middle of several measurements.
 */

/** The one in the middle by some number; of an even count the greater one of the two. Throws when there is none. */
export function medianBy<T>(all: readonly T[], number: (one: T) => number): T {
  const sorted = all.toSorted((a, b) => number(a) - number(b));
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error("find median: nothing was measured");
  return middle;
}

/** See {@link medianBy}. */
export function median(numbers: readonly number[]): number {
  return medianBy(numbers, (number) => number);
}
