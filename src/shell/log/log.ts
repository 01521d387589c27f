/**
 * The log: one JSON line per event on standard error, or a readable line when a person watches.
 *
 * No pino transport: those are worker threads, which the compiled binary cannot start. And writing must
 * never hold the loop: an agent that waits for the reader of its log loses its VIPs.
 */
import { type Logger, pino } from "pino";
import type { Config } from "../../core/config.ts";
import { LogWriter } from "./log_writer.ts";

/** Descriptor of standard error. */
const STDERR = 2;

/** An open log. */
export interface Log {
  readonly logger: Logger;
  /** Lines lost because the reader stalled. */
  dropped(): number;
  /** Writes what is left, unless the reader stalls. To be awaited before the program ends. */
  close(): Promise<void>;
}

/** How to log. */
export interface LogOptions {
  readonly level: Config["log"];
  /** Readable lines instead of JSON: for a terminal. */
  readonly readable?: boolean;
  /** Where to write; standard error when left out. */
  readonly descriptor?: number;
}

/** Opens the log. Secrets are never logged: a field named `token` is blanked, in an event and one level below. */
export function openLog({ level, readable = false, descriptor = STDERR }: LogOptions): Log {
  const writer = new LogWriter(descriptor);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ["token", "*.token"], censor: "[secret]" },
    },
    { write: (line: string) => writer.write(readable ? readableLine(line) : line) },
  );
  return { logger, dropped: () => writer.dropped, close: () => writer.close() };
}

/** One JSON line of pino as people read it: `12:00:01.123 warn  lost pulse peer=n2`. */
export function readableLine(line: string): string {
  const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const fields = Object.entries(rest).map(([key, value]) => ` ${key}=${fieldText(value)}`).join("");
  const cause = (err as { stack?: string; message?: string } | undefined)?.message;
  const problem = cause === undefined ? "" : `: ${cause}`;
  return `${clock} ${String(level).padEnd(5)} ${printable(String(msg ?? ""))}${
    printable(problem)
  }${fields}\n`;
}

function fieldText(value: unknown): string {
  return typeof value === "string" && /^[^\s"=\p{Cc}]+$/u.test(value)
    ? value
    : printable(JSON.stringify(value));
}

/** Control characters from peers would move a person's cursor or colour their terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
