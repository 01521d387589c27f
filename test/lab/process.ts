/**
 * Programs the lab runs: short ones whose output is wanted, and long ones that live until they are
 * ended. A long one is the head of a process group of its own, so that it can be ended with all its
 * children, and so that no signal meant for the lab reaches it.
 */
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { waitFor } from "./wait.ts";

/** Signals the lab sends. */
export type Signal = "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGINT" | "SIGHUP";

/** Time after which a short program has failed, ms. */
const RUN_LIMIT_MS = 30_000;
/** Time until the children of a killed process have gone, ms. */
const GROUP_END_LIMIT_MS = 5_000;

/** What a short program said, and how it ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a short program to its end, whatever its status. */
export async function runAnyway(command: readonly string[], input = ""): Promise<Outcome> {
  const child = Bun.spawn([...command], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: RUN_LIMIT_MS,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { status: child.exitCode, stdout, stderr };
}

/** Runs a short program; returns what it printed. Throws with its complaint when its status is not 0. */
export async function run(command: readonly string[], input = ""): Promise<string> {
  const { status, stdout, stderr } = await runAnyway(command, input);
  if (status === 0) return stdout;
  throw new Error(`run ${command.join(" ")}: status ${status}: ${(stderr || stdout).trim()}`);
}

/** How a long program is started. */
export interface StartOptions {
  /** File that gets its standard error, and its output unless `onLine` takes that. Appended to. */
  readonly log: string;
  /** Gets each line it prints. */
  readonly onLine?: (line: string) => void;
  readonly env?: Readonly<Record<string, string>>;
}

/** A long program. */
export class LabProcess {
  readonly command: readonly string[];
  readonly log: string;
  readonly #child: Bun.Subprocess;
  readonly #drained: Promise<void>;

  private constructor(command: readonly string[], options: StartOptions) {
    this.command = command;
    this.log = options.log;
    mkdirSync(dirname(options.log), { recursive: true });
    const log = openSync(options.log, "a");
    this.#child = Bun.spawn([...command], {
      stdio: ["ignore", options.onLine === undefined ? log : "pipe", log],
      env: { ...process.env, ...options.env },
      detached: true,
    });
    closeSync(log);
    this.#drained = options.onLine === undefined
      ? Promise.resolve()
      : readLines(this.#child.stdout as ReadableStream<Uint8Array>, options.onLine);
  }

  static start(command: readonly string[], options: StartOptions): LabProcess {
    return new LabProcess(command, options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves with the exit status, null when a signal ended it, once its output is read to the end. */
  async exited(): Promise<number | null> {
    await this.#child.exited;
    await this.#drained;
    return this.#child.exitCode;
  }

  /** Sends a signal to the program and all its children. One that has ended is left in peace. */
  signal(signal: Signal): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group is empty.
    }
  }

  /** Sends the signal and waits for the end; returns the exit status. */
  async end(signal: Signal): Promise<number | null> {
    this.signal(signal);
    const status = await this.exited();
    await waitFor(() => !groupLives(this.pid), {
      what: `the children of ${this.command.join(" ")} have gone`,
      limitMs: GROUP_END_LIMIT_MS,
    });
    return status;
  }

  /** The last lines of its log. */
  tail(lines: number): string {
    return readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  }
}
