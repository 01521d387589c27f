/**
 * Durations as people write them: `500ms`, `1s`, `1.5s`, `2m`, `1h`.
 */

/** Milliseconds of each unit. A number without a unit is refused: nobody can tell what it means. */
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Reads a duration; whole milliseconds, or undefined when the text is none. Never negative. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
}

/** Writes whole milliseconds as {@link parseDuration} reads them, without loss: `500ms`, `90s`, `2m`. */
export function formatPlainDuration(ms: number): string {
  const [unit] = Object.entries(UNIT_MS).reverse()
    .find(([, size]) => ms > 0 && ms % size === 0) ?? ["ms"];
  return `${ms / UNIT_MS[unit as keyof typeof UNIT_MS]}${unit}`;
}

/** Writes milliseconds for people, in the largest unit that needs no more than one decimal: `85 ms`, `1.2 s`, `3 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${oneDecimal(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${oneDecimal(ms / 60_000)} min`;
  return `${oneDecimal(ms / 3_600_000)} h`;
}

function oneDecimal(value: number): string {
  // Rounded down, so that 59.97 s does not become "60 s".
  return (Math.floor(value * 10) / 10).toString();
}
