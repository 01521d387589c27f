/** `troop table`: this node's IPVS table as ipvsadm prints it. */
import { type Command, Option } from "commander";
import { type ListingKind, listingText, saveText } from "../core/table/ipvsadm_text.ts";
import { addExamples, type Session, writeJson } from "./session.ts";

interface TableOptions {
  readonly save?: boolean;
  readonly stats?: boolean;
  readonly rate?: boolean;
  readonly json?: boolean;
}

/** Adds the verb. */
export function addTable(program: Command, session: Session): void {
  const command = program.command("table")
    .summary("show this node's IPVS table as ipvsadm does")
    .description(
      "Show the IPVS table of this node's kernel as `ipvsadm -Ln` does, rows of others\n" +
        "included. A standby has the same rows, with its own weights.",
    )
    .addOption(
      new Option("--save", "lines for `ipvsadm -R`, as `ipvsadm -Sn` writes them")
        .conflicts(["stats", "rate", "json"]),
    )
    .addOption(
      new Option("--stats", "connections, packets and bytes so far").conflicts(["rate", "json"]),
    )
    .addOption(new Option("--rate", "the same per second").conflicts(["json"]))
    .option("--json", "for programs: rows with servers and counters");
  addExamples(command, [
    "troop table",
    "troop table --rate",
    "troop table --save > table.rules",
    "troop table --json",
  ]);
  command.action(async ({ save, stats, rate, json }: TableOptions) => {
    const { context } = session;
    const rows = await context.connect(session.home()).table();
    if (json) return writeJson(context.stdout, rows);
    const kind: ListingKind = stats ? "stats" : rate ? "rate" : "servers";
    context.stdout.write(save ? saveText(rows) : listingText(rows, kind));
  });
}
