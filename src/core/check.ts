/**
 * What a health check asks of a real server, and how its text form is read.
 *
 * The text form is a URL whose host may be left out, because the host is whichever real server is
 * being probed: `http://:80/index.html`, `https://www.example.org/`, `tcp://:3306`, `none`.
 */
import { z } from "zod";
import { PORT_MAX } from "./address.ts";
import { compilePattern } from "./regex.ts";

/** Shortest accepted interval, ms: below it a probe costs more than the fault it finds. */
export const CHECK_INTERVAL_MS_MIN = 100;
/** Longest accepted interval, ms (one hour): longer is a mistyped unit. */
export const CHECK_INTERVAL_MS_MAX = 3_600_000;
/** Longest accepted expected-text expression, in characters. */
export const EXPECT_LENGTH_MAX = 1_000;
/** Longest accepted path and host of a check, in characters. */
const TEXT_LENGTH_MAX = 2_000;

/** Control characters would let a path or host split the request (RFC 9112, 11.1). */
const requestText = z.string().max(TEXT_LENGTH_MAX).regex(
  /^[^\s\p{Cc}]*$/u,
  "has a space or control character",
);

/** A health check. Times are in milliseconds; `timeoutMs` covers the whole exchange, body included. */
export const checkSchema = z.strictObject({
  /** What is asked: an HTTP(S) page, a TCP connection, or nothing (always up). */
  kind: z.enum(["http", "https", "tcp", "none"]),
  /** Port to probe; null means the service's own port. */
  port: z.int().min(1).max(PORT_MAX).nullable(),
  /** Request target, http(s) only. */
  path: requestText.default("/"),
  /** Host header and TLS server name; null means the address probed. */
  host: requestText.nullable().default(null),
  /** Expression the body must contain (RE2 syntax, see {@link compilePattern}), http(s) only; null means any 2xx is enough. */
  expect: z.string().max(EXPECT_LENGTH_MAX).nullable().default(null),
  /** Time between the starts of two probes of one target. */
  intervalMs: z.int().min(CHECK_INTERVAL_MS_MIN).max(CHECK_INTERVAL_MS_MAX).default(1_000),
  /** Time after which a probe has failed. */
  timeoutMs: z.int().min(CHECK_INTERVAL_MS_MIN).max(CHECK_INTERVAL_MS_MAX).default(1_000),
  /** Successes in a row before a server that was down counts as up. */
  rise: z.int().min(1).max(100).default(1),
  /** Failures in a row before a server that was up counts as down. */
  fall: z.int().min(1).max(100).default(2),
});

/** See {@link checkSchema}. */
export type Check = z.infer<typeof checkSchema>;

const { shape } = checkSchema;
/** Some parts of a check, without defaults: what is not named stays as it is. */
export const checkChangeSchema = z.strictObject({
  kind: shape.kind,
  port: shape.port,
  path: shape.path.unwrap(),
  host: shape.host.unwrap(),
  expect: shape.expect.unwrap(),
  intervalMs: shape.intervalMs.unwrap(),
  timeoutMs: shape.timeoutMs.unwrap(),
  rise: shape.rise.unwrap(),
  fall: shape.fall.unwrap(),
}).partial();

/** A check that asks for a TCP connection on the service's own port: the default of a TCP service. */
export const TCP_CHECK: Check = checkSchema.parse({ kind: "tcp", port: null });
/** A check that asks nothing: the default of a UDP service, where silence proves nothing. */
export const NO_CHECK: Check = checkSchema.parse({ kind: "none", port: null });

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
    path: path ?? "/",
    host: host || null,
    expect: options.expect ?? null,
    ...(options.intervalMs === undefined ? {} : {
      intervalMs: options.intervalMs,
      timeoutMs: Math.max(CHECK_INTERVAL_MS_MIN, options.intervalMs),
    }),
  });
  return parsed.success ? parsed.data : `"${text}": ${firstIssue(parsed.error)}`;
}

/** Why the expression cannot be used, in words; undefined when it can. */
export function regexProblem(source: string): string | undefined {
  const pattern = compilePattern(source);
  return typeof pattern === "string" ? pattern : undefined;
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "not valid" : `${issue.path.join(".")} ${issue.message}`;
}

/** Writes a check as {@link parseCheck} reads it, without its times. */
export function formatCheck(check: Check): string {
  if (check.kind === "none") return "none";
  const port = check.port === null ? "" : `:${check.port}`;
  return `${check.kind}://${check.host ?? ""}${port}${check.kind === "tcp" ? "" : check.path}`;
}
