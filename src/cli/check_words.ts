/**
 * The words about a service's health check: `--check`, `--expect`, `--interval`, `--timeout`.
 */
import {
  type Check,
  CHECK_INTERVAL_MS_MAX,
  CHECK_INTERVAL_MS_MIN,
  EXPECT_LENGTH_MAX,
  NO_CHECK,
  parseCheck,
  regexProblem,
  TCP_CHECK,
} from "../core/check.ts";
import { formatDuration, parseDuration } from "../core/duration.ts";
import type { PortRange, ServiceChange, ServiceName } from "../core/service.ts";
import { usage } from "./session.ts";

/** The options, as typed; false: undone by its `--no-` form. */
export interface CheckOptions {
  readonly check?: string;
  readonly expect?: string | false;
  readonly interval?: string;
  readonly timeout?: string;
}

type CheckChange = NonNullable<ServiceChange["check"]>;

/** The check of a service that names none: silence of UDP proves nothing, and only a port of its own can be connected to. */
export function defaultCheck(name: ServiceName, ports: readonly PortRange[]): Check {
  if (name.protocol !== "fwm") {
    return name.protocol === "tcp" && name.port > 0 ? TCP_CHECK : NO_CHECK;
  }
  const [range] = ports;
  return range?.protocol === "tcp" ? { ...TCP_CHECK, port: range.first } : NO_CHECK;
}

/** What is named of a check, and nothing else. Another page begins without an expected text. */
export function readCheckChange(attempted: string, options: CheckOptions): CheckChange {
  const intervalMs = readTime(attempted, "--interval", options.interval);
  const timeoutMs = readTime(attempted, "--timeout", options.timeout);
  return {
    ...readPage(attempted, options),
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function readPage(attempted: string, { check: text, expect }: CheckOptions): CheckChange {
  if (expect === false && text === undefined) return { expect: null };
  if (typeof expect === "string") refuseExpect(attempted, { text, expect });
  if (text === undefined) return expect === undefined || expect === false ? {} : { expect };
  const check = parseCheck(text, typeof expect === "string" ? { expect } : {});
  // parseCheck's words hold problem and, behind a colon or not, the accepted forms.
  if (typeof check === "string") throw usage(attempted, check, "see `troop service add --help`");
  const { kind, port } = check;
  if (check.kind !== "http" && check.kind !== "https") return { kind, port };
  return { kind, port, path: check.path, host: check.host, expect: check.expect };
}

function refuseExpect(
  attempted: string,
  { text, expect }: { readonly text: string | undefined; readonly expect: string },
): void {
  if (text !== undefined && !/^https?:/.test(text)) {
    throw usage(
      attempted,
      "--expect needs a page to look at",
      "give --check http://:PORT/PATH or https://HOST/PATH with it",
    );
  }
  if (expect.length > EXPECT_LENGTH_MAX) {
    throw usage(
      attempted,
      `--expect has ${expect.length} characters`,
      `use at most ${EXPECT_LENGTH_MAX}`,
    );
  }
  const problem = regexProblem(expect);
  if (problem !== undefined) throw usage(attempted, problem, "see `troop service add --help`");
}

function readTime(attempted: string, option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) {
    throw usage(
      attempted,
      `${option} "${text}" is not a time`,
      "write for example 500ms, 1s or 2m",
    );
  }
  if (ms < CHECK_INTERVAL_MS_MIN || ms > CHECK_INTERVAL_MS_MAX) {
    throw usage(
      attempted,
      `${option} "${text}" is out of range`,
      `use ${formatDuration(CHECK_INTERVAL_MS_MIN)} to ${formatDuration(CHECK_INTERVAL_MS_MAX)}`,
    );
  }
  return ms;
}
