/** `troop token`: the cluster's secret, the line that uses it, and how to change it. */
import type { Command } from "commander";
import { formatPlainDuration, parseDuration } from "../core/duration.ts";
import { GRACE_S_DEFAULT, GRACE_S_MAX } from "../core/cluster/token_facts.ts";
import { joinLine } from "./join_line.ts";
import { addExamples, type Session, usage, writeLine } from "./session.ts";

/** Adds the verb and those below it. */
export function addToken(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("token")
    .summary("print the cluster token and the join line, or change the token")
    .description(
      "Print the cluster token on standard output, and on standard error the line\n" +
        "to paste on another machine.",
    );
  addExamples(command, [
    "troop token",
    "TOKEN=$(troop token 2>/dev/null)",
    "troop token rotate",
  ]);
  command.action(() => {
    const { config } = context.readConfig(session.home());
    writeLine(context.stderr, joinLine(config));
    writeLine(context.stdout, config.token);
  });
  addRotate(command, session);
  addAbort(command, session);
  addFinish(command, session);
}

function addRotate(group: Command, session: Session): void {
  const standard = formatPlainDuration(GRACE_S_DEFAULT * 1_000);
  const command = group.command("rotate")
    .summary("change the cluster's token while everything runs")
    .description(
      "Change the cluster's token while everything runs. Every node gets the new\n" +
        "one, then uses it, then refuses the old one; no VIP moves. `troop status`\n" +
        "tells the stage. A node that is dead all the time has to join again. Each\n" +
        "node writes the new token into its troop.yaml.",
    )
    .option("--grace <duration>", `how long members that die meanwhile are waited for`, standard)
    .option("--anyway", "also when members are dead now");
  addExamples(command, [
    "troop token rotate",
    "troop token rotate --anyway --grace 1m     # n3 is dead, and the old token is out",
  ]);
  command.action(async ({ grace, anyway = false }: { grace: string; anyway?: boolean }) => {
    const { context } = session;
    const graceS = readGrace(grace);
    const agent = context.connect(session.home());
    writeLine(context.stdout, await agent.rotateToken({ graceS, anyway }));
  });
}

function readGrace(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= GRACE_S_MAX * 1_000) return Math.ceil(ms / 1_000);
  throw usage(
    "rotate the token",
    `--grace ${text} is not a duration up to ${formatPlainDuration(GRACE_S_MAX * 1_000)}`,
    "write for example 1h, 10m or 0s",
  );
}

function addAbort(group: Command, session: Session): void {
  const command = group.command("abort")
    .summary("go back to the old token")
    .description(
      "Go back to the old token while the change is under way, in the same steps.\n" +
        "Once a node refuses the old token, rotate again instead.",
    );
  addExamples(command, ["troop token abort"]);
  command.action(async () => {
    const { context } = session;
    writeLine(context.stdout, await context.connect(session.home()).abortRotation());
  });
}

function addFinish(group: Command, session: Session): void {
  const command = group.command("finish")
    .summary("do not wait for dead members any longer")
    .description(
      "Go on with the change of the token without the members that are dead. They\n" +
        "have to join again when they come back.",
    );
  addExamples(command, ["troop token finish"]);
  command.action(async () => {
    const { context } = session;
    writeLine(context.stdout, await context.connect(session.home()).finishRotation());
  });
}
