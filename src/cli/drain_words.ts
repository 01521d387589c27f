/**
 * The words of `troop drain` made into an order: whom, how long, and why.
 */
import { COMMENT_LENGTH_MAX, commentSchema, DRAIN_MS_MAX } from "../core/document/drain.ts";
import { parseDuration } from "../core/duration.ts";
import { type DrainOrder, parseServerRef, type ServerRef } from "../core/document/order.ts";
import type { ServiceName } from "../core/service/service.ts";
import { usage } from "./session.ts";
import { readServiceName } from "./words.ts";

/** Time for which `--wait` alone waits, ms: longer than a browser keeps a connection open without use. */
export const WAIT_MS_DEFAULT = 10 * 60_000;
/** Longest time `--wait` takes, ms: a day. */
const WAIT_MS_MAX = 86_400_000;

/** Options of `troop drain`, as typed. */
export interface DrainOptions {
  readonly service?: string;
  readonly comment?: string;
  readonly for?: string;
  readonly until?: string;
  readonly keepVips?: boolean;
  readonly wait?: string | true;
}

/** Reads a node or machine. */
export function readTarget(verb: "drain" | "undrain", text: string): ServerRef {
  const server = parseServerRef(text);
  if (server !== undefined) return server;
  throw usage(
    `${verb} ${text}`,
    `"${text}" is neither an address nor a name of a node`,
    "write for example n2, 192.0.2.21 or 192.0.2.21:8080",
  );
}

/** Reads the service an order is limited to. */
export function readOnlyService(verb: string, text: string | undefined): ServiceName | null {
  return text === undefined ? null : readServiceName(text, `${verb} for`);
}

/** Reads everything beside the target. `wallMs`: now, for times of day. Throws a usage Refusal. */
export function readDrainOrder(target: string, options: DrainOptions, wallMs: number): DrainOrder {
  const attempted = `drain ${target}`;
  if (options.for !== undefined && options.until !== undefined) {
    throw usage(attempted, "--for and --until both name an end", "leave one of them out");
  }
  return {
    service: readOnlyService(attempted, options.service),
    comment: readComment(attempted, options.comment ?? ""),
    forMs: options.for === undefined ? null : readLength(attempted, "--for", options.for),
    untilMs: options.until === undefined ? null : readMoment(attempted, options.until, wallMs),
    keepVips: options.keepVips ?? false,
  };
}

/** How long to wait for the last connection, ms; null: not at all. */
export function readWait(target: string, { wait }: DrainOptions): number | null {
  if (wait === undefined) return null;
  if (wait === true) return WAIT_MS_DEFAULT;
  const ms = readLength(`drain ${target}`, "--wait", wait);
  if (ms <= WAIT_MS_MAX) return ms;
  throw usage(`drain ${target}`, `--wait "${wait}" is out of range`, "use 1s to 24h");
}

function readComment(attempted: string, text: string): string {
  const issue = commentSchema.safeParse(text).error?.issues[0];
  if (issue === undefined) return text;
  throw usage(
    attempted,
    `--comment ${issue.code === "too_big" ? "is too long" : issue.message}`,
    `write one line of at most ${COMMENT_LENGTH_MAX} characters`,
  );
}

function readLength(attempted: string, option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1_000 && ms <= DRAIN_MS_MAX) return ms;
  throw usage(
    attempted,
    `${option} "${text}" is not a time from 1s to ${DRAIN_MS_MAX / 3_600_000}h`,
    "write for example 90s, 30m or 8h",
  );
}

/** `18:30`: the next time the clock of this machine shows it; or a date, with or without a time zone. */
function readMoment(attempted: string, text: string, wallMs: number): number {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hour !== undefined && Number(hour) < 24 && Number(minute) < 60) {
    const date = new Date(wallMs);
    date.setHours(Number(hour), Number(minute), 0, 0);
    if (date.getTime() <= wallMs) date.setDate(date.getDate() + 1);
    return date.getTime();
  }
  const isDate = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?$/.test(text);
  const ms = isDate ? Date.parse(text.replace(" ", "T")) : NaN;
  if (!Number.isFinite(ms)) {
    throw usage(
      attempted,
      `--until "${text}" is not a time`,
      "write for example 18:30, 2026-01-31T18:30 (this machine's time) or 2026-01-31T18:30Z",
    );
  }
  if (ms > wallMs) return ms;
  throw usage(attempted, `--until "${text}" has passed`, "name a later time");
}
