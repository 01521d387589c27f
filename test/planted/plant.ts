/**
 * Puts a mistake into a text.
 */
import type { Mistake } from "./mistake.ts";

/** The text with the mistake in it. Throws when the place is not there exactly once: then the list has rotted. */
export function plant(text: string, { name, file, right, wrong }: Mistake): string {
  const count = text.split(right).length - 1;
  if (count !== 1) {
    throw new Error(
      `plant "${name}": ${file} has "${right}" ${count} times, and must have it once`,
    );
  }
  return text.replace(right, () => wrong);
}
