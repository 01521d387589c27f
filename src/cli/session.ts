/**
 * One call of the command line: the outside world, the node it is about, and the exit code it comes to.
 */
import type { Command } from "commander";
import { Refusal } from "../core/refusal.ts";
import type { Home } from "../core/home.ts";
import type { CliContext, Output } from "./context.ts";
import { printable } from "./table_text.ts";

/** Nothing went wrong. */
export const EXIT_OK = 0;
/** The world is wrong: what was asked for could not be done. */
export const EXIT_FAILURE = 1;
/** The words are wrong: the same call can never work. */
export const EXIT_USAGE = 2;

/** See the head of this file. */
export interface Session {
  readonly context: CliContext;
  /** The node's files, as asked for by --home or TROOP_HOME. */
  home(): Home;
  /** Sets the exit code of a call that did its work. */
  finish(code: number): void;
}

/** Adds a verb to the program. */
export type AddVerb = (program: Command, session: Session) => void;

/** A refusal of the words themselves: exit 2. */
export function usage(attempted: string, problem: string, remedy: string): Refusal {
  return new Refusal({ attempted, problem, remedy, kind: "usage" });
}

/** Writes one line. */
export function writeLine(output: Output, text: string): void {
  output.write(`${text}\n`);
}

/** Writes JSON for programs, indented for the person who looks anyway. */
export function writeJson(output: Output, value: unknown): void {
  writeLine(output, JSON.stringify(value, null, 2));
}

/** Examples at the end of a verb's help. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  ${example}\n`).join("");
  return command.addHelpText("after", `\nExamples:\n${lines.trimEnd()}`);
}

/** Says what went wrong in one line on standard error; the exit code. Never a stack trace, except with TROOP_DEBUG=1. */
export function reportError(error: unknown, { stderr, env }: CliContext): number {
  const refusal = error instanceof Refusal ? error : undefined;
  const message = refusal?.message ??
    `${faultText(error)}; this is a fault of troop, please report it (TROOP_DEBUG=1 shows more)`;
  writeLine(stderr, `troop: ${printable(message)}`);
  // A refusal with several causes lists them below its line.
  if (refusal !== undefined && Array.isArray(refusal.cause)) {
    for (const cause of refusal.cause) writeLine(stderr, `  ${printable(String(cause))}`);
  }
  if (env["TROOP_DEBUG"] === "1" && error instanceof Error) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      writeLine(stderr, at.stack ?? at.message);
    }
  }
  return refusal?.kind === "usage" ? EXIT_USAGE : EXIT_FAILURE;
}

function faultText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
