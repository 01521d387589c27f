/**
 * Processes that play seeds beside each other, one for every processor.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { NO_TOTALS, sum, type Totals } from "./batch.ts";
import type { Range } from "./worker.ts";

/** Seeds that a process gets at a time: some seconds of work. */
const RANGE_SEEDS = 20;

/** How to play. */
export interface CrewOptions {
  readonly from: number;
  readonly seeds: number;
  /** Processes; left out: as many as there are processors. */
  readonly workers?: number;
  /** Told after every range. */
  readonly progress?: (totals: Totals) => void;
  /** Ends early when this many seeds have failed. */
  readonly failuresMax?: number;
}

/** Plays the seeds. Rejects when a process ends on its own; the others are ended, too. */
export async function playWithCrew(options: CrewOptions): Promise<Totals> {
  const { from, seeds, workers = availableParallelism(), failuresMax = Infinity } = options;
  let next = from;
  let totals = NO_TOTALS;
  const take = (): Range | null => {
    if (next >= from + seeds || totals.failures.length >= failuresMax) return null;
    const range = { from: next, count: Math.min(RANGE_SEEDS, from + seeds - next) };
    next += range.count;
    return range;
  };
  const processes: Bun.Subprocess[] = [];
  const one = () =>
    new Promise<void>((resolve, reject) => {
      let busy: Range | null = null;
      const give = (worker: Bun.Subprocess) => {
        busy = take();
        if (busy === null) worker.kill();
        else worker.send(busy);
      };
      const worker = Bun.spawn([process.execPath, join(import.meta.dir, "worker.ts")], {
        stdio: ["ignore", "inherit", "inherit"],
        ipc: (made: Totals) => {
          totals = sum(totals, made);
          options.progress?.(totals);
          give(worker);
        },
        onExit: (_worker, code) => {
          if (busy === null) return resolve();
          const range = `seeds ${busy.from} to ${busy.from + busy.count - 1}`;
          reject(new Error(`play ${range}: the process ended with ${code ?? "a signal"}`));
        },
      });
      processes.push(worker);
      give(worker);
    });
  try {
    await Promise.all(Array.from({ length: workers }, one));
  } finally {
    for (const worker of processes) worker.kill();
  }
  return totals;
}
