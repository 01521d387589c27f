/** `troop status`: the whole cluster, as any node sees it. */
import type { Command } from "commander";
import { addExamples, type Session, writeJson } from "./session.ts";
import { statusText } from "./status_text.ts";
import { styleFor } from "./table_text.ts";

/** Adds the verb. */
export function addStatus(program: Command, session: Session): void {
  const command = program.command("status")
    .summary("show nodes, VIPs, services and their servers")
    .description("Show nodes, VIPs, services and their servers. Any node answers for all.")
    .option("--json", "for programs: the document of GET /api/v1/status");
  addExamples(command, [
    "troop status",
    "troop status --json | jq -r '.vips[] | .address + \" \" + .holder'",
    "watch -n1 troop status",
  ]);
  command.action(async ({ json = false }: { json?: boolean }) => {
    const { context } = session;
    const { stdout, env } = context;
    const status = await context.connect(session.home()).status();
    if (json) writeJson(stdout, status);
    else stdout.write(statusText(status, styleFor(stdout, env)));
  });
}
