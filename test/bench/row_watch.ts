/**
 * One row of a machine's table as it changes: starts the reporting program there and keeps what it tells.
 */
import { join } from "node:path";
import type { Host } from "../lab/host.ts";
import type { LabProcess } from "../lab/process.ts";
import { waitFor } from "../lab/wait.ts";
import type { RowReport } from "./row_reporter.ts";

const START_LIMIT_MS = 15_000;

/** Which row of which machine, and how often it is looked at, ms. */
export interface RowWatchOptions {
  readonly host: Host;
  readonly address: string;
  readonly port: number;
  readonly everyMs: number;
}

/** See the head of this file. It ends with the lab, or with {@link RowWatch.stop}. */
export class RowWatch {
  readonly reports: RowReport[] = [];
  #process: LabProcess | null = null;

  /** Starts watching; resolves when the first report is there. */
  static async start({ host, address, port, everyMs }: RowWatchOptions): Promise<RowWatch> {
    const watch = new RowWatch();
    const started = host.start([
      process.execPath,
      join(import.meta.dir, "row_reporter.ts"),
      ...["--address", address],
      ...["--port", String(port)],
      ...["--every", String(everyMs)],
    ], {
      label: "rows",
      onLine: (line) => watch.reports.push(JSON.parse(line) as RowReport),
    });
    watch.#process = started;
    await waitFor(() => {
      if (!started.running) throw new Error(`the program ended:\n${started.tail(5)}`);
      return watch.reports.length > 0;
    }, { what: `port ${port} of ${host.name} is watched`, limitMs: START_LIMIT_MS });
    return watch;
  }

  /**
   * Resolves with the moment (wall clock, ms) from which the row is so; rejects after `limitMs`. Changes before
   * `afterMs` do not count.
   */
  async since(
    isSo: (weights: Readonly<Record<string, number>>) => boolean,
    { afterMs = 0, ...options }: {
      readonly what: string;
      readonly limitMs: number;
      readonly afterMs?: number;
    },
  ): Promise<number> {
    const report = await waitFor(
      () =>
        this.reports.find(({ at, weights }) => at >= afterMs && weights !== null && isSo(weights)),
      options,
    );
    return report.at;
  }

  async stop(): Promise<void> {
    await this.#process?.end("SIGKILL");
  }
}
