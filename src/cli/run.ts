/** `troop run`: the agent, in the foreground. */
import type { Command } from "commander";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Adds the verb. */
export function addRun(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("run")
    .summary("run the agent in the foreground")
    .description(
      "Run the agent in the foreground; this is what systemd starts.\n" +
        "SIGTERM and Ctrl-C hand VIPs over without a lost request, and end it.\n" +
        "Started as root it keeps CAP_NET_ADMIN and CAP_NET_RAW and gives up all else,\n" +
        "unless troop.yaml says `privileges: keep`.",
    );
  addExamples(command, [
    "troop run",
    "troop --home /srv/n1 run",
    "systemctl enable --now troop     # the same, as a service",
  ]);
  command.action(async () => {
    const home = session.home();
    const { config, warnings } = context.readConfig(home);
    // The program that gave up its privileges and began again has told them.
    const isTold = context.env["TROOP_PRIVILEGES_DROPPED"] !== undefined;
    for (const warning of isTold ? [] : warnings) {
      writeLine(context.stderr, `troop: warning: ${warning}`);
    }
    session.finish(await context.runAgent(home, config));
  });
}
