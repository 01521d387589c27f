/**
 * The words about a service's health check: `--check`, `--check-set`, `--expect`, `--interval`, `--timeout`.
 */
import {
  CHECK_INTERVAL_MS_MAX,
  CHECK_INTERVAL_MS_MIN,
  type CheckKind,
  EXPECT_LENGTH_MAX,
  readCheckText,
  regexProblem,
} from "../core/check.ts";
import { checkOptions, optionsOf } from "../core/check/options.ts";
import { formatDuration, parseDuration } from "../core/duration.ts";
import type { ServiceChange } from "../core/service/service.ts";
import type { Refusal } from "../core/refusal.ts";
import { usage } from "./session.ts";

/** The options, as typed; false: undone by its `--no-` form. */
export interface CheckOptions {
  readonly check?: string;
  readonly checkSet?: readonly string[];
  readonly expect?: string | false;
  readonly interval?: string;
  readonly timeout?: string;
}

type CheckChange = NonNullable<ServiceChange["check"]>;

/** What is named of a check, and nothing else. Another page begins without an expected text. */
export function readCheckChange(attempted: string, options: CheckOptions): CheckChange {
  const { check: url, expect, checkSet = [] } = options;
  if (typeof expect === "string") refuseExpect(attempted, expect);
  const intervalMs = readTime(attempted, "--interval", options.interval);
  const timeoutMs = readTime(attempted, "--timeout", options.timeout);
  const read = readCheckText(url, [
    ...checkSet,
    ...(typeof expect === "string" ? [`expect=${expect}`] : expect === false ? ["expect="] : []),
  ]);
  if (typeof read === "string") throw refuseText(attempted, read, options);
  const kind = read["kind"] as CheckKind | undefined;
  const expects = kind !== undefined && optionsOf(kind).some(({ field }) => field === "expect");
  return {
    ...(expects ? { expect: null } : {}),
    ...read,
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** The words of readCheckText hold problem and, behind a colon or not, the accepted forms. */
function refuseText(attempted: string, problem: string, { expect }: CheckOptions): Refusal {
  if (typeof expect !== "string" || !/^a \S+ check has no option expect$/.test(problem)) {
    return usage(attempted, problem, "see `troop check kinds`");
  }
  return usage(
    attempted,
    "--expect needs a check that looks at an answer",
    "give --check http://:PORT/PATH or https://HOST/PATH with it",
  );
}

/**
 * Puts what a file says in place of `@FILE` behind `password=` and `secret=`: its first line. The file is read where
 * the command is typed, so nobody sees the secret in a list of processes or in a history.
 */
export function readSecrets(
  attempted: string,
  settings: readonly string[],
  readFirstLine: (path: string) => string,
): string[] {
  return settings.map((setting) => {
    const match = /^([a-z-]+)=@(.+)$/s.exec(setting);
    const [, name = "", path = ""] = match ?? [];
    if (!checkOptions.some((option) => option.secret && option.name === name)) return setting;
    try {
      return `${name}=${readFirstLine(path)}`;
    } catch (error) {
      throw usage(
        attempted,
        `option ${name}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? error}`,
        "name a file of this machine that holds it",
      );
    }
  });
}

function refuseExpect(attempted: string, expect: string): void {
  if (expect.length > EXPECT_LENGTH_MAX) {
    throw usage(
      attempted,
      `--expect has ${expect.length} characters`,
      `use at most ${EXPECT_LENGTH_MAX}`,
    );
  }
  const problem = regexProblem(expect);
  if (problem !== undefined) throw usage(attempted, problem, "see `troop check kinds`");
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
