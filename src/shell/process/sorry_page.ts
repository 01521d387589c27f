/**
 * Keeps the process that serves the sorry page: started when a service needs it, told what to serve, started again when
 * it ends by itself, gone with the agent. See sorry_server.ts for why it is a process of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { SorryWish } from "../../core/pool/sorry_page.ts";
import type { SorryListener, SorryPage } from "../../ports.ts";
import { sorryAnswerSchema } from "./sorry_server.ts";

/** Time after which a process that ended is started again, ms. */
const RESTART_MS = 2_000;
/** Longest line of an answer, characters. */
const LINE_MAX = 4_096;

/** How to run it. */
export interface SorryPageOptions {
  /** The command of the serving process. */
  readonly command: readonly [string, ...string[]];
  /** Told whether the page is served, whenever that changes. */
  readonly report: SorryListener;
  /** Told when something else than the wanted page is served. */
  readonly warn: (text: string) => void;
}

/** The command that runs this very program with this verb, compiled or from its source. */
export function ownCommand(verb: string): [string, ...string[]] {
  // A compiled program's files lie in a file system of its own.
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath, verb] : [process.execPath, Bun.main, verb];
}

/** Opens the port. Nothing runs until a page is wanted. */
export function openSorryPage({ command, report, warn }: SorryPageOptions): SorryPage {
  let wanted: SorryWish | null = null;
  let child: ChildProcess | null = null;
  let timer: Timer | null = null;

  function start(): void {
    timer = null;
    if (wanted === null || child !== null) return;
    const [path, ...args] = command;
    const started = spawn(path, args, { stdio: ["pipe", "pipe", "ignore"] });
    child = started;
    const onGone = (why: string) => {
      if (child !== started) return;
      child = null;
      report(why);
      timer = setTimeout(start, RESTART_MS);
    };
    started.once("error", (error) => onGone(`cannot be served: ${error.message}`));
    started.once("exit", () => onGone("its process ended, and is started again"));
    started.stdin.on("error", () => undefined);
    started.stdout.on(
      "data",
      lines((line) => {
        if (child === started) take(line);
      }),
    );
    say(started);
  }

  function say(to: ChildProcess): void {
    report("is being started");
    to.stdin?.write(`${JSON.stringify(wanted)}\n`);
  }

  function take(line: string): void {
    const { problem, warning } = sorryAnswerSchema.parse(JSON.parse(line));
    report(problem);
    if (warning !== null) warn(warning);
  }

  function stop(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const ended = child;
    child = null;
    ended?.stdin?.end();
    ended?.kill("SIGKILL");
  }

  return {
    set(next) {
      if (JSON.stringify(next) === JSON.stringify(wanted)) return;
      wanted = next;
      if (wanted === null) stop();
      else if (child !== null) say(child);
      else if (timer === null) start();
    },
    close() {
      wanted = null;
      stop();
    },
  };
}

/** Calls with each whole line; one that is too long is dropped. */
function lines(take: (line: string) => void): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = (parts.pop() ?? "").slice(0, LINE_MAX);
    for (const line of parts) take(line);
  };
}
