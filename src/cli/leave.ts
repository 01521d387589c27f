/** `troop leave`: takes this node out of the cluster for good. */
import type { Command } from "commander";
import { callOf } from "../core/home.ts";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Adds the verb. */
export function addLeave(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("leave")
    .summary("take this node out of the cluster for good")
    .description(
      "Take this node out of the cluster for good: hand VIPs over, clean the kernel,\n" +
        "end the agent. To stop a node for a while, end `troop run` instead.",
    );
  addExamples(command, ["troop leave", "troop --home /srv/n1 leave"]);
  command.action(async () => {
    const home = session.home();
    writeLine(context.stdout, await context.connect(home).leave());
    const back = `${callOf(home)} join ADDRESS --token TOKEN`;
    writeLine(context.stderr, `The file is kept as ${home.config}.left; to come back: ${back}`);
  });
}
