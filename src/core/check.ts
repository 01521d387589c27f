/**
 * What a health check asks of a real server, and how its text form is read.
 *
 * The text form is a URL whose host may be left out, because the host is whichever real server is
 * being probed: `http://:80/index.html`, `https://www.example.org/`, `tcp://:3306`, `none`.
 */
import { type Check, CHECK_INTERVAL_MS_MIN, checkIssue, checkSchema } from "./check/schema.ts";
import { compilePattern } from "./regex.ts";

export * from "./check/schema.ts";

/** A check that asks for a TCP connection on the service's own port: the default of a TCP service. */
export const TCP_CHECK: Check = checkSchema.parse({ kind: "tcp" });
/** A check that asks nothing: the default of a UDP service, where silence proves nothing. */
export const NO_CHECK: Check = checkSchema.parse({ kind: "none" });

/** Options that stand beside the URL on the command line. */
export interface CheckOptions {
  readonly expect?: string;
  readonly intervalMs?: number;
}

/** Reads the text form. Returns the check, or in words what is wrong with the text. */
export function parseCheck(text: string, options: CheckOptions = {}): Check | string {
  if (text === "none") return { ...NO_CHECK };
  const match = /^(https?|tcp):\/\/([^/:?#]*)(?::(\d{1,5}))?(\/\S*)?$/.exec(text);
  if (!match) {
    return `"${text}" is not a check: write http://[HOST][:PORT]/PATH, https://..., tcp://:PORT or none`;
  }
  const [, kind, host, port, path] = match;
  if (kind === "tcp" && (path ?? "/") !== "/") return `"${text}": a tcp check has no path`;
  if (kind === "tcp" && options.expect !== undefined) {
    return `"${text}": a tcp check expects no text`;
  }
  if (options.expect !== undefined) {
    const problem = regexProblem(options.expect);
    if (problem !== undefined) return problem;
  }
  const parsed = checkSchema.safeParse({
    kind,
    port: port === undefined ? null : Number(port),
    ...(kind === "tcp"
      ? {}
      : { path: path ?? "/", host: host || null, expect: options.expect ?? null }),
    ...(options.intervalMs === undefined ? {} : {
      intervalMs: options.intervalMs,
      timeoutMs: Math.max(CHECK_INTERVAL_MS_MIN, options.intervalMs),
    }),
  });
  return parsed.success ? parsed.data : `"${text}": ${checkIssue(parsed.error)}`;
}

/** Why the expression cannot be used, in words; undefined when it can. */
export function regexProblem(source: string): string | undefined {
  const pattern = compilePattern(source);
  return typeof pattern === "string" ? pattern : undefined;
}

/** Writes a check as {@link parseCheck} reads it, without its times. */
export function formatCheck(check: Check): string {
  if (check.kind === "none") return "none";
  const port = check.port === null ? "" : `:${check.port}`;
  const page = check.kind === "http" || check.kind === "https";
  return `${check.kind}://${(page ? check.host : null) ?? ""}${port}${page ? check.path : ""}`;
}
