/**
 * Many seeds, one after the other, counted.
 */
import { type Plan, planOf } from "./plan.ts";
import { type Failure, type Longest, play } from "./play.ts";

/** What many runs come to. */
export interface Totals {
  readonly seeds: number;
  readonly simulatedMs: number;
  readonly events: number;
  /** Faults by kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly longest: Longest;
  readonly failures: readonly { readonly seed: number; readonly failure: Failure }[];
}

/** Of no run. */
export const NO_TOTALS: Totals = {
  seeds: 0,
  simulatedMs: 0,
  events: 0,
  faults: {},
  longest: {},
  failures: [],
};

/** Both together. */
export function sum(a: Totals, b: Totals): Totals {
  const faults: Record<string, number> = { ...a.faults };
  for (const [kind, count] of Object.entries(b.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  return {
    seeds: a.seeds + b.seeds,
    simulatedMs: a.simulatedMs + b.simulatedMs,
    events: a.events + b.events,
    faults,
    longest: longer(a.longest, b.longest),
    failures: [...a.failures, ...b.failures],
  };
}

function longer(a: Longest, b: Longest): Longest {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(names.map((name) => [name, Math.max(a[name] ?? 0, b[name] ?? 0)]));
}

/** Plays these seeds. `planFor`: what is played for a seed. */
export function playSeeds(
  from: number,
  count: number,
  planFor: (seed: number) => Plan = planOf,
): Totals {
  const faults: Record<string, number> = {};
  const failures: { seed: number; failure: Failure }[] = [];
  let longest: Longest = {};
  let simulatedMs = 0;
  let events = 0;
  for (let seed = from; seed < from + count; seed++) {
    const outcome = play(planFor(seed));
    simulatedMs += outcome.simulatedMs;
    events += outcome.events;
    longest = longer(longest, outcome.longest);
    for (const [kind, times] of Object.entries(outcome.faults)) {
      faults[kind] = (faults[kind] ?? 0) + times;
    }
    if (outcome.failure !== null) failures.push({ seed, failure: outcome.failure });
  }
  return { seeds: count, simulatedMs, events, faults, longest, failures };
}

/** The totals in words, as a table. */
export function totalsText(totals: Totals): string {
  const hours = totals.simulatedMs / 3_600_000;
  const faults = Object.entries(totals.faults).sort(([, a], [, b]) => b - a);
  const width = Math.max(...faults.map(([kind]) => kind.length), 0);
  return [
    `${totals.seeds} seeds, ${hours.toFixed(1)} simulated hours, ${totals.events} events, ` +
    `${faults.reduce((count, [, times]) => count + times, 0)} faults:`,
    ...faults.map(([kind, times]) => `  ${kind.padEnd(width)} ${String(times).padStart(8)}`),
    "longest times seen:",
    ...Object.entries(totals.longest).sort().map(([name, ms]) =>
      `  ${String(Math.ceil(ms)).padStart(6)} ms  ${name}`
    ),
  ].join("\n");
}
