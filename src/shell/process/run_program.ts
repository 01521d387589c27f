/**
 * Runs another program: no shell, an argument vector, text on its standard input, and an end that comes in
 * any case. The event loop goes on meanwhile.
 */
import { type ChildProcess, type IOType, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { accessSync, constants } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killMarked, RUN_MARK, signalGroup } from "./leftovers.ts";

/**
 * A descriptor every descendant inherits and nobody uses: it is closed when the last of them has ended. Found
 * under Bun 1.4: it ends after "close", and neither zombies nor descriptors stay behind.
 */
const LIFELINE = 3;
const STDIO: IOType[] = ["pipe", "pipe", "pipe", "pipe"];
/** How long a program has to end after SIGTERM, ms: enough to remove temporary files. */
const GRACE_MS = 500;
/** How long after its end the last of what a program printed is waited for, ms. */
const DRAIN_MS = 100;
/** How long killed processes have to vanish, ms: the kernel frees their memory first. */
const KILL_MS = 50;
/** How often what is left is looked for: a process may fork between the look and the kill. */
const KILL_ROUNDS = 5;
/** Where a system's programs are; a daemon's PATH may lack those of administrators, or all. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** What to run. */
export interface Program {
  /** The program's path, then its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Text for its standard input. Default: none. */
  readonly input?: string;
  /** Added to its environment. Default: nothing. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends it: as the limit does. */
  readonly signal?: AbortSignal;
  /** It is ended when it has not by then, ms: SIGTERM, then SIGKILL. Null: by the signal only. */
  readonly limitMs: number | null;
  /** It is killed when it prints more than that to either stream, bytes. */
  readonly outputMax: number;
}

/** How a program ended. */
export interface ProgramEnd {
  /** Null when it ended by itself, else what made it end or kept it from starting: "did not end within 5 s". */
  readonly problem: string | null;
  /** Why it could not be started, as errno(3) calls it. */
  readonly code?: string;
  /** Exit status; null when there is a {@link problem}. */
  readonly status: number | null;
  /** What it printed, as UTF-8. */
  readonly output: string;
  /** What it complained about, as UTF-8. */
  readonly errors: string;
}

/** The folders programs are looked for in: PATH as everybody has it, then what it may lack. */
function searchFolders(): string[] {
  const path = (process.env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...new Set([...path, ...SYSTEM_FOLDERS])];
}

/** The path of a program in PATH or where a system has its own; null when none of them has it. */
export function findProgram(name: string): string | null {
  const found = searchFolders().map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ?? null;
}

/**
 * Runs a program to its end, and ends with it what it started. Never rejects. It sees PATH, the language of
 * computers, its mark and what it is given, nothing else of the environment.
 *
 * A process it leaves behind is ended too, unless that closed the descriptors it inherited, as daemons do.
 */
export function runProgram(program: Program): Promise<ProgramEnd> {
  return new Run(program).ended;
}

/** Programs under way, by the process that leads their group. */
const underWay = new Set<number>();
process.on("exit", () => {
  for (const leader of underWay) signalGroup(leader, "SIGKILL");
});

let runs = 0;

/** One program under way. */
class Run {
  readonly ended: Promise<ProgramEnd>;
  readonly #resolve: (end: ProgramEnd) => void;
  readonly #program: Program;
  readonly #output: Collector;
  readonly #errors: Collector;
  readonly #mark = `${process.pid}-${++runs}-${randomUUID()}`;
  /** Null when it could not be started. */
  #child: ChildProcess | null = null;
  #settled = false;
  /** Resolves when the program has ended and nobody has its {@link LIFELINE} any more. */
  #gone: Promise<unknown> = Promise.resolve();
  #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(program: Program) {
    const { promise, resolve } = Promise.withResolvers<ProgramEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#program = program;
    this.#output = new Collector(program.outputMax);
    this.#errors = new Collector(program.outputMax);
    try {
      this.#start();
    } catch (error) {
      this.#cannotRun(error as NodeJS.ErrnoException);
    }
  }

  #start(): void {
    const { command: [path, ...args], input, limitMs, environment, signal } = this.#program;
    const env = {
      PATH: searchFolders().join(":"),
      LC_ALL: "C",
      ...environment,
      [RUN_MARK]: this.#mark,
    };
    const child: ChildProcess = spawn(path, args, { env, stdio: STDIO, detached: true });
    this.#child = child;
    child.once("error", (error) => this.#cannotRun(error));
    if (child.pid === undefined) return;
    underWay.add(child.pid);
    const lifeline = child.stdio[LIFELINE] as Socket;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    this.#gone = Promise.all([exited, new Promise((resolve) => lifeline.once("close", resolve))]);
    lifeline.on("error", () => undefined);
    lifeline.resume();
    child.once("close", () => this.#exited());
    // What it left behind may keep its streams open. What it printed itself is in them by now.
    child.once("exit", () => this.#after(DRAIN_MS, () => this.#exited()));
    child.stdout?.on("data", (chunk: Buffer) => this.#collect(this.#output, chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.#collect(this.#errors, chunk));
    // A program that ends without reading everything says why by itself.
    child.stdin?.once("error", () => undefined);
    child.stdin?.end(input ?? "");
    if (limitMs !== null) {
      this.#after(limitMs, () => this.#stop(`did not end within ${limitMs / 1000} s`));
    }
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => this.#stop("was stopped");

  #after(ms: number, action: () => void): void {
    this.#timers.push(setTimeout(action, ms));
  }

  #collect(collector: Collector, chunk: Buffer): void {
    if (collector.add(chunk)) return;
    this.#stop(`printed more than ${this.#program.outputMax} bytes`);
  }

  #cannotRun({ message, code }: NodeJS.ErrnoException): void {
    this.#settle(`cannot be run (${message})`, null, code);
  }

  #exited(): void {
    const { exitCode = null, signalCode = "an unknown signal" } = this.#child ?? {};
    this.#stop(exitCode === null ? `was killed by ${signalCode}` : null, exitCode);
  }

  /** Ends it all; the processes have the grace to end by themselves after SIGTERM. */
  #stop(problem: string | null, status: number | null = null): void {
    if (this.#settled) return;
    this.#settle(problem, status);
    const leader = this.#child?.pid;
    if (leader !== undefined) void this.#endAll(leader);
  }

  #settle(problem: string | null, status: number | null, code?: string): void {
    if (this.#settled) return;
    this.#settled = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#program.signal?.removeEventListener("abort", this.#abort);
    const texts = { output: this.#output.text(), errors: this.#errors.text() };
    this.#resolve({ problem, status, ...texts, ...(code === undefined ? {} : { code }) });
  }

  async #endAll(leader: number): Promise<void> {
    const gone = this.#gone.then(() => true);
    const goneIn = (ms: number) => Promise.race([gone, sleep(ms, false, { ref: false })]);
    const child = this.#child;
    for (const stream of [child?.stdin, child?.stdout, child?.stderr]) stream?.destroy();
    let isGone = await goneIn(0);
    if (!isGone) {
      signalGroup(leader, "SIGTERM");
      isGone = await goneIn(GRACE_MS);
    }
    for (let round = 0; !isGone && round < KILL_ROUNDS; round++) {
      signalGroup(leader, "SIGKILL");
      isGone = await goneIn(KILL_MS);
      if (!isGone) await killMarked(this.#mark);
    }
    (child?.stdio[LIFELINE] as Socket).destroy();
    underWay.delete(leader);
  }
}

/** Bytes up to a limit. */
class Collector {
  readonly #max: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** False when that is too much. */
  add(chunk: Buffer): boolean {
    this.#size += chunk.length;
    if (this.#size > this.#max) return false;
    this.#chunks.push(chunk);
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
