/** `troop check`: which health checks there are. */
import type { Command } from "commander";
import { type CheckKind, checkKinds } from "../core/check.ts";
import { kindsText, kindText } from "./check_kinds_text.ts";
import { addExamples, type Session } from "./session.ts";
import { oneOf } from "./words.ts";

/** Adds the verbs. */
export function addCheck(program: Command, session: Session): void {
  const group = program.command("check")
    .summary("tell which health checks there are")
    .description(
      "Health checks decide which servers get connections. One is named as a URL with\n" +
        "`--check`, and its options, one each, with `--check-set OPTION=VALUE`.",
    );
  addExamples(group, ["troop check kinds", "troop check kinds https"]);
  const command = group.command("kinds")
    .summary("list the kinds of checks and their options")
    .description(
      "List every kind of check with what it asks and an example, or the options of one.",
    )
    .argument("[kind]", `one of them: ${checkKinds.join(", ")}`);
  addExamples(command, ["troop check kinds", "troop check kinds dns"]);
  command.action((kind: string | undefined) => {
    const { stdout } = session.context;
    stdout.write(kind === undefined ? kindsText() : kindText(readKind(kind)));
  });
}

function readKind(value: string): CheckKind {
  return oneOf({ attempted: "show checks", what: "kind", value }, checkKinds);
}
