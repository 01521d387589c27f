/**
 * Runs another program: no shell, an argument vector, text on its standard input, and an end that comes in
 * any case. The event loop goes on meanwhile.
 */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Where administrators' programs are; a daemon's PATH may lack both. */
const ADMIN_FOLDERS = ["/usr/sbin", "/sbin"];

/** What to run. */
export interface Program {
  /** The program's path, then its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Text for its standard input. Default: none. */
  readonly input?: string;
  /** It is killed when it has not ended by then, ms. */
  readonly limitMs: number;
  /** It is killed when it prints more than that to either stream, bytes. */
  readonly outputMax: number;
}

/** How a program ended. */
export interface ProgramEnd {
  /** Null when it ended by itself, else what made it end or kept it from starting: "did not end within 5 s". */
  readonly problem: string | null;
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
  return [...new Set([...path, ...ADMIN_FOLDERS])];
}

/** The path of a program in PATH, /usr/sbin or /sbin; null when none of them has it. */
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

/** Runs a program to its end. Never rejects. It sees PATH and the language of computers, nothing else of the environment. */
export function runProgram(program: Program): Promise<ProgramEnd> {
  const { command: [path, ...args], input, limitMs, outputMax } = program;
  const { promise, resolve } = Promise.withResolvers<ProgramEnd>();
  const env = { PATH: searchFolders().join(":"), LC_ALL: "C" };
  const child = spawn(path, args, { env, stdio: "pipe", detached: true });
  const output = new Collector(outputMax);
  const errors = new Collector(outputMax);
  const timer = setTimeout(() => end(`did not end within ${limitMs / 1000} s`, null), limitMs);
  const end = (problem: string | null, status: number | null) => {
    clearTimeout(timer);
    resolve({ problem, status, output: output.text(), errors: errors.text() });
    if (problem === null) return;
    killGroup(child.pid);
    // What left the group may keep the pipes open; nobody listens any more.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  };
  const collect = (collector: Collector) => (chunk: Buffer) => {
    if (!collector.add(chunk)) end(`printed more than ${outputMax} bytes`, null);
  };
  child.once("error", (error) => end(`cannot be run (${error.message})`, null));
  child.once("close", (status, signal) => {
    end(status === null ? `was killed by ${signal}` : null, status);
  });
  child.stdout.on("data", collect(output));
  child.stderr.on("data", collect(errors));
  // A program that ends without reading everything says why by itself.
  child.stdin.once("error", () => undefined);
  child.stdin.end(input ?? "");
  return promise;
}

/** The program and its children: it was started as leader of a group (`detached`). */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // All gone.
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
