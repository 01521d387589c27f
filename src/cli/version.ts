/** `troop version`. */
import type { Command } from "commander";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Adds the verb. */
export function addVersion(program: Command, { context }: Session): void {
  const command = program.command("version").description("print the version");
  addExamples(command, ["troop version"]);
  command.action(() => writeLine(context.stdout, context.version));
}
