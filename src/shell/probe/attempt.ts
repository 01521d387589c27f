/**
 * What every kind of probe has in common: one deadline over the whole exchange, one end however many
 * events report it, and reasons in words.
 */
import { closeSync, openSync } from "node:fs";
import type { Advice } from "../../core/pool/advice.ts";
import type { Clock, ProbeResult } from "../../ports.ts";

/**
 * How late a deadline may fire before it says more about this process than about the server, ms. A process
 * that stood still (paused machine, starved CPU) finds its timers expired and the answers still unread.
 */
const LATE_MS_MAX = 50;
/**
 * A refusal takes one round trip. What comes later under the same name is something else: Bun 1.4 also
 * reports EHOSTUNREACH and ENETUNREACH as ECONNREFUSED (oven-sh/bun pull request 37093), the former after
 * seconds of unanswered ARP.
 */
const REFUSAL_MS_MAX = 100;
/** Longest piece of text from a server or a library that is repeated in a reason. */
const QUOTE_LENGTH_MAX = 120;

/** What a probe needs besides its target. */
export interface ProbeContext {
  readonly clock: Clock;
  /** Ends the probe at once; its promise then resolves with null. */
  readonly signal: AbortSignal;
}

/** Why a server is not well, thrown where an exchange goes wrong: the message is the reason, in words. */
export class ProbeFailure extends Error {}

/** A probe under way. */
export interface Attempt {
  /** What is being waited for, in words that follow "timed out": set by the probe as it proceeds. */
  phase: string;
  /** What else an operator should know of a server that is well: appended to the reason of {@link Attempt.pass}. */
  note: string | null;
  /** Ends the probe. Only the first end counts. */
  readonly pass: (words: string, advice?: Advice) => void;
  /** See {@link Attempt.pass}. */
  readonly fail: (reason: string) => void;
  /** Ends the probe without a result: it says nothing about the server. */
  readonly giveUp: () => void;
  /** Time since the start, ms. */
  readonly tookMs: () => number;
}

/**
 * Runs one probe. `begin` starts it and returns what to call at its end, in any case and once. Resolves with
 * the result, or with null when there is none: aborted, or this process could not even ask. Never rejects.
 */
export function runAttempt(
  timeoutMs: number,
  { clock, signal }: ProbeContext,
  begin: (attempt: Attempt) => () => void,
): Promise<ProbeResult | null> {
  return new Promise((resolve) => {
    const startMs = clock.now();
    let ended = false;
    let cleanUp = (): void => {};
    const tookMs = (): number => clock.now() - startMs;
    const end = (result: ProbeResult | null): void => {
      if (ended) return;
      ended = true;
      stopDeadline();
      signal.removeEventListener("abort", giveUp);
      cleanUp();
      resolve(result);
    };
    const giveUp = (): void => end(null);
    const fail = (reason: string): void => end({ ok: false, reason, tookMs: tookMs() });
    const pass = (words: string, advice?: Advice): void =>
      end({
        ok: true,
        reason: `${words} in ${Math.ceil(tookMs())} ms${
          attempt.note === null ? "" : `; ${attempt.note}`
        }`,
        tookMs: tookMs(),
        ...(advice === undefined ? {} : { advice }),
      });
    const attempt: Attempt = { phase: "while connecting", note: null, pass, fail, giveUp, tookMs };
    const stopDeadline = startDeadline(
      timeoutMs,
      clock,
      () => fail(`timed out after ${timeoutMs} ms ${attempt.phase}`),
    );
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp);
    try {
      cleanUp = begin(attempt);
      if (ended) cleanUp();
    } catch (error) {
      fail(`cannot ask: ${quote((error as Error).message)}`);
    }
  });
}

/** Calls `expired` once after `timeoutMs`; if it comes late, the server gets its whole time once more. */
function startDeadline(timeoutMs: number, clock: Clock, expired: () => void): () => void {
  const dueMs = clock.now() + timeoutMs;
  let timer = setTimeout(() => {
    if (clock.now() - dueMs <= LATE_MS_MAX) expired();
    else timer = setTimeout(expired, timeoutMs);
  }, timeoutMs);
  return () => clearTimeout(timer);
}

/** Ends an attempt whose connection failed, with the reason in words. `error` comes from node:net. */
export function failConnection(attempt: Attempt, error: NodeJS.ErrnoException): void {
  if (isOwnFault(error)) return attempt.giveUp();
  attempt.fail(connectionProblem(attempt, error));
}

function connectionProblem(attempt: Attempt, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "ECONNREFUSED":
      return attempt.tookMs() <= REFUSAL_MS_MAX
        ? "connection refused"
        : "no connection: refused, or the host is unreachable";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to host";
    case "EACCES":
    case "EPERM":
      return "connection forbidden by a route or packet filter of this node";
    case "ETIMEDOUT":
      return `timed out ${attempt.phase}`;
    case "ECONNRESET":
    case "EPIPE":
      return `connection ${endOf(message)} ${attempt.phase}`;
    default:
      return `${quote(code ?? message)} ${attempt.phase}`;
  }
}

/** How a connection ended, of which only ECONNRESET is known: node:http and node:tls say so of an orderly end, too. */
function endOf(message: string): string {
  if (message.includes("hang up")) return "closed";
  return message.includes("disconnected") ? "closed or reset" : "reset";
}

/**
 * Whether a probe failed for want of something of this process: then it says nothing about the server, and a
 * whole pool must not go down for it. Bun 1.4 reports EMFILE of connect as ECONNREFUSED, so look.
 */
function isOwnFault({ code }: NodeJS.ErrnoException): boolean {
  if (code === "EMFILE" || code === "ENFILE" || code === "ENOBUFS" || code === "EADDRNOTAVAIL") {
    return true;
  }
  if (code !== "ECONNREFUSED") return false;
  try {
    closeSync(openSync("/dev/null", "r"));
    return false;
  } catch {
    return true;
  }
}

/** Text from outside, made fit for one line of a log: control characters replaced, length bounded. */
export function quote(text: string): string {
  const line = text.replace(/\p{Cc}/gu, "?");
  return line.length <= QUOTE_LENGTH_MAX ? line : line.slice(0, QUOTE_LENGTH_MAX - 1) + "…";
}
