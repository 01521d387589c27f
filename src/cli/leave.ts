/** `troop leave`: takes this node out of the cluster for good. */
import type { Command } from "commander";
import { callOf } from "../core/home.ts";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Adds the verb. */
export function addLeave(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("leave").description(
    "take this node out of the cluster for good: hand over, clean the kernel,\nend the agent (to stop it for a while, end `troop run` instead)",
  );
  addExamples(command, ["troop leave", "troop --home /srv/n1 leave"]);
  command.action(async () => {
    const home = session.home();
    writeLine(context.stdout, await context.connect(home).leave());
    writeLine(
      context.stderr,
      `To come back: remove ${home.config} and ${home.state}, then \`${
        callOf(home)
      } join ADDRESS --token TOKEN\`.`,
    );
  });
}
