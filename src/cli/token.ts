/** `troop token`: the cluster's secret, and the line that uses it. */
import type { Command } from "commander";
import { joinLine } from "./join_line.ts";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Adds the verb. */
export function addToken(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("token")
    .summary("print the cluster token and the join line")
    .description(
      "Print the cluster token on standard output, and on standard error the line\n" +
        "to paste on another machine.",
    );
  addExamples(command, ["troop token", "TOKEN=$(troop token 2>/dev/null)"]);
  command.action(() => {
    const { config } = context.readConfig(session.home());
    writeLine(context.stderr, joinLine(config));
    writeLine(context.stdout, config.token);
  });
}
