/**
 * One call of a hook: its program run, or its webhook asked, with one event.
 */
import { accessSync, constants, statSync } from "node:fs";
import { type Hook, hookEnvironment, type HookMessage } from "../../core/hook.ts";
import { errorCode, errorText } from "../log/notices.ts";
import { runProgram } from "../process/run_program.ts";

/** What a program may print before it is ended, bytes: nobody reads more than a line of it. */
const OUTPUT_MAX = 65_536;
/** Characters of what a program complained about. */
const COMPLAINT_MAX = 200;
/** Pauses before a webhook is asked again, ms. A program is not run again: it may have done half its work. */
export const RETRY_PAUSES_MS = [1_000, 5_000];

/** Why a hook cannot work, in words; null when nothing speaks against it. */
export function hookProblem({ command }: Hook): string | null {
  if (command === undefined) return null;
  const [path] = command;
  try {
    if (!statSync(path).isFile()) return `${path} is no file`;
    accessSync(path, constants.X_OK);
    return null;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return `${path} is missing`;
    if (code === "EACCES") return `${path} is not executable`;
    return errorText(error);
  }
}

/** Calls a hook. Resolves with null when it took the event, else with why not. Never rejects. */
export function callHook(
  hook: Hook,
  message: HookMessage,
  { signal, pausesMs = RETRY_PAUSES_MS }: {
    readonly signal: AbortSignal;
    readonly pausesMs?: readonly number[];
  },
): Promise<string | null> {
  if (hook.command !== undefined) return callProgram(hook.command, hook, { message, signal });
  return callWebhook(hook.webhook ?? "", hook, { message, signal, pausesMs });
}

interface Call {
  readonly message: HookMessage;
  readonly signal: AbortSignal;
}

async function callProgram(
  command: readonly [string, ...string[]],
  { timeoutMs }: Hook,
  { message, signal }: Call,
): Promise<string | null> {
  const { problem, status, errors } = await runProgram({
    command,
    input: `${JSON.stringify(message)}\n`,
    environment: hookEnvironment(message),
    limitMs: timeoutMs,
    outputMax: OUTPUT_MAX,
    signal,
  });
  if (problem !== null) return problem;
  if (status === 0) return null;
  const complaint = (errors.trim().split("\n")[0] ?? "").slice(0, COMPLAINT_MAX);
  return `ended with status ${status}${complaint === "" ? "" : `: ${complaint}`}`;
}

async function callWebhook(
  url: string,
  { timeoutMs }: Hook,
  { message, signal, pausesMs }: Call & { readonly pausesMs: readonly number[] },
): Promise<string | null> {
  for (const pauseMs of [...pausesMs, null]) {
    const { problem, again } = await post(url, message, { signal, timeoutMs });
    if (problem === null || !again || pauseMs === null || signal.aborted) return problem;
    await pause(pauseMs, signal);
  }
  return null;
}

/** One request. `again`: another one may succeed. */
async function post(
  url: string,
  message: HookMessage,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<{ readonly problem: string | null; readonly again: boolean }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "troop" },
      body: JSON.stringify(message),
      // Whoever moved it must be told the new place: a redirect could lead anywhere.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    // Only the status counts; what else it sends is not read.
    await response.body?.cancel();
    const { status, ok } = response;
    if (ok) return { problem: null, again: false };
    return { problem: `answered ${status}`, again: status >= 500 || status === 429 };
  } catch (error) {
    const problem = (error as Error).name === "TimeoutError"
      ? `gave no answer within ${timeoutMs / 1_000} s`
      // The URL may have a secret in it, and messages of fetch have the URL.
      : `cannot be reached${errorCode(error) === "" ? "" : ` (${errorCode(error)})`}`;
    return { problem, again: true };
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
