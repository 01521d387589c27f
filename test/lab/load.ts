/**
 * The client's side of the lab: starts the load program in the client's namespace, keeps what it
 * reports, and sums it up.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { wallMs } from "./client_common.ts";
import type { Host } from "./host.ts";
import type { RequestLine } from "./load_client.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

/** Time between two requests, ms, unless told otherwise: the rate all published figures are about. */
const EVERY_MS = 20;
/** Time after which a request has failed, ms. */
const TIMEOUT_MS = 1_000;
const START_LIMIT_MS = 15_000;
/** Answers after which the client's program is compiled and its sockets are quick. */
const WARM_ANSWERS = 25;
const END_LIMIT_MS = 15_000;
/** Failed requests told one by one. */
const MOMENTS_SHOWN_MAX = 60;

/** The client programs, by what they ask for: a page by HTTP, or a TXT record by DNS over UDP. */
const programs = {
  http: { file: "load_client.ts", port: 80 },
  dns: { file: "dns_client.ts", port: 53 },
} as const;

/** What is requested. */
export interface LoadOptions {
  /** Of either family. */
  readonly address: string;
  /** Default: the protocol's own. */
  readonly port?: number;
  /** Default `http`. */
  readonly protocol?: keyof typeof programs;
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

/** What the client saw. */
export interface LoadSummary {
  readonly requests: number;
  readonly failed: number;
  /** Longest time in which no answer arrived, ms. */
  readonly silenceMs: number;
  /** Answers by server. */
  readonly answers: Readonly<Record<string, number>>;
  /** Failures by kind. */
  readonly errors: Readonly<Record<string, number>>;
  /** Median and worst time of the requests that were answered, ms. */
  readonly p50Ms: number;
  readonly maxMs: number;
}

/** A client at work. */
export class Load {
  readonly lines: RequestLine[] = [];
  #process: LabProcess | null = null;
  #warmAt = Number.POSITIVE_INFINITY;
  #warmAnswers = 0;
  #record = "";

  /** Starts requests; resolves when the first answer is there. */
  static async start(host: Host, options: LoadOptions): Promise<Load> {
    const load = new Load();
    load.#record = join(
      host.folder,
      `${host.name}-load-${options.address.replaceAll(":", "-")}.jsonl`,
    );
    const program = programs[options.protocol ?? "http"];
    load.#process = host.start([
      process.execPath,
      join(import.meta.dir, program.file),
      ...["--address", options.address],
      ...["--port", String(options.port ?? program.port)],
      ...["--every", String(options.everyMs ?? EVERY_MS)],
      ...["--timeout", String(options.timeoutMs ?? TIMEOUT_MS)],
    ], { label: "load", onLine: (line) => load.#read(JSON.parse(line) as RequestLine) });
    await waitFor(() => load.#warmAnswers >= WARM_ANSWERS, {
      what: `the client got ${WARM_ANSWERS} answers from ${options.address}`,
      limitMs: START_LIMIT_MS,
    });
    load.#warmAt = wallMs();
    return load;
  }

  #read(line: RequestLine): void {
    if (line.at >= this.#warmAt) this.lines.push(line);
    else if (line.server !== null) this.#warmAnswers += 1;
  }

  /** What it has seen so far. */
  summary(): LoadSummary {
    return summarize(this.lines);
  }

  /** Ends it, waits for the requests under way, and sums all up. */
  async stop(): Promise<LoadSummary> {
    const process = this.#process;
    if (process === null) throw new Error("stop load: it was never started");
    const ended = process.exited();
    process.signal("SIGTERM");
    const late = setTimeout(() => process.signal("SIGKILL"), END_LIMIT_MS);
    const status = await ended;
    clearTimeout(late);
    // Every request, for whoever has to find out which failed and when.
    writeFileSync(this.#record, this.lines.map((line) => JSON.stringify(line)).join("\n"));
    if (status !== 0) throw new Error(`stop load: the client failed:\n${process.tail(20)}`);
    return this.summary();
  }
}

/** Sums up requests. */
export function summarize(lines: readonly RequestLine[]): LoadSummary {
  const answered = lines.filter((line) => line.server !== null);
  const times = answered.map((line) => line.ms).toSorted((a, b) => a - b);
  return {
    requests: lines.length,
    failed: lines.length - answered.length,
    silenceMs: silenceMs(lines),
    answers: countBy(answered.map((line) => line.server ?? "")),
    errors: countBy(lines.flatMap((line) => line.error ?? [])),
    p50Ms: times[Math.floor(times.length / 2)] ?? 0,
    maxMs: times.at(-1) ?? 0,
  };
}

/**
 * Throws when more requests failed than allowed, and tells which: by time since the first request, so
 * that they can be laid beside the agents' logs.
 */
export function requireFewFailures(lines: readonly RequestLine[], failedMax: number): void {
  const failed = lines.filter((line) => line.error !== null);
  if (failed.length <= failedMax) return;
  const start = Math.min(...lines.map((line) => line.at));
  const moments = failed.toSorted((a, b) => a.at - b.at)
    .map((line) => `${((line.at - start) / 1000).toFixed(2)} s ${line.error}`);
  const { requests, silenceMs: silence } = summarize(lines);
  throw new Error(
    `count failures: ${failed.length} of ${requests} requests failed, at most ${failedMax} may; ` +
      `longest silence ${silence} ms; began ${new Date(start).toISOString()}; failed: ` +
      moments.slice(0, MOMENTS_SHOWN_MAX).join(", "),
  );
}

/** The longest time without an answer, between the first request and the end of the last. */
function silenceMs(lines: readonly RequestLine[]): number {
  if (lines.length === 0) return 0;
  const first = Math.min(...lines.map((line) => line.at));
  const last = Math.max(...lines.map((line) => line.at + line.ms));
  const arrivals = lines.filter((line) => line.server !== null).map((line) => line.at + line.ms);
  const moments = [first, ...arrivals.toSorted((a, b) => a - b), last];
  const gaps = moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment));
  return Math.round(Math.max(...gaps));
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
