/** `troop forget`: removes a dead node for good. */
import type { Command } from "commander";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Adds the verb. */
export function addForget(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("forget")
    .summary("remove a dead node for good")
    .description(
      "Remove a dead node that will not come back: its drains, weights and\n" +
        "preferences go, and nobody waits for it. If it comes back it holds nothing\n" +
        "until it has left and joined again. A node that lives leaves by itself: run\n" +
        "`troop leave` on it.",
    )
    .argument("<node>", "name of the node, as `troop status` shows it");
  addExamples(command, [
    "troop forget n3",
    "troop forget n3 && troop token rotate     # its machine was stolen, with the token on it",
  ]);
  command.action(async (node: string) => {
    writeLine(context.stdout, await context.connect(session.home()).forget(node));
  });
}
