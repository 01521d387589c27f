/**
 * The story of a demo, told as it happens: one line per event, and under it what the client saw until
 * the next one.
 */
import type { LoadSummary } from "./load.ts";

/** Widths of the columns; all fit into 100. */
const TIME_WIDTH = 8;
const EVENT_WIDTH = 64;
const HOLDER_WIDTH = 10;

const colour = process.env["NO_COLOR"] === undefined;

/** Prints a timeline. Times are seconds since it began. */
export class Timeline {
  #startedAt = Date.now();

  /** Begins: the heading, and time 0. */
  begin(): void {
    this.#startedAt = Date.now();
    print(`\n  ${bold(columns("time", "what happens", "VIP on"))}`);
    print(`  ${"-".repeat(TIME_WIDTH)}  ${"-".repeat(EVENT_WIDTH)}  ${"-".repeat(HOLDER_WIDTH)}`);
  }

  /** Something that was done to the cluster. */
  event(text: string, holders: readonly string[]): void {
    print(`  ${bold(columns(this.#time(Date.now()), text, nameHolders(holders)))}`);
  }

  /** Something the cluster did, at a time of its own (wall clock, ms). */
  consequence(at: number, options: { readonly text: string; readonly holders: readonly string[] }) {
    const { text, holders } = options;
    print(`  ${columns(this.#time(at), `  ${text}`, nameHolders(holders))}`);
  }

  /** What the client saw since the last event. */
  client(seen: LoadSummary): void {
    const answers = Object.entries(seen.answers).map(([server, count]) => `${server} ${count}`);
    const failed = seen.failed === 0 ? "none failed" : `${seen.failed} failed`;
    const text = [
      `client: ${seen.requests} requests, ${failed}`,
      `answers: ${answers.join(", ") || "none"}`,
      `longest silence ${(seen.silenceMs / 1000).toFixed(2)} s`,
    ].join(" · ");
    print(`  ${" ".repeat(TIME_WIDTH)}    ${seen.failed === 0 ? green(text) : yellow(text)}\n`);
  }

  #time(at: number): string {
    return `${((at - this.#startedAt) / 1000).toFixed(2)} s`;
  }
}

/** A line of progress while the lab is being set up. */
export function progress(text: string): void {
  print(`  ${text}`);
}

/** The last word: green when all is as promised, else red with what is not. */
export function verdict(problems: readonly string[], summary: string): void {
  print("");
  for (const problem of problems) print(`  ${red(`broken promise: ${problem}`)}`);
  const word = problems.length === 0 ? green(bold("kept every promise")) : red(bold("FAILED"));
  print(`  verdict: ${word}; ${summary}`);
}

function columns(time: string, event: string, holder: string): string {
  return `${time.padStart(TIME_WIDTH)}  ${event.padEnd(EVENT_WIDTH)}  ${holder}`;
}

function nameHolders(holders: readonly string[]): string {
  return holders.length === 0 ? "nobody" : holders.join(" and ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

// SGR codes (ECMA-48, 8.3.117).
function bold(text: string): string {
  return paint(1, text);
}

function red(text: string): string {
  return paint(31, text);
}

function green(text: string): string {
  return paint(32, text);
}

function yellow(text: string): string {
  return paint(33, text);
}

function paint(code: number, text: string): string {
  return colour ? `\x1b[${code}m${text}\x1b[0m` : text;
}
