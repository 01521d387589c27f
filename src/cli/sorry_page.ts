/** `troop sorry-page`: the process behind the sorry page. The agent starts it; it is no verb for people. */
import type { Command } from "commander";
import type { Session } from "./session.ts";

/** Adds the verb, which no help lists. */
export function addSorryPage(program: Command, { context }: Session): void {
  program.command("sorry-page", { hidden: true })
    .description("serve the sorry page as told on standard input; the agent starts this")
    .action(() => context.serveSorryPage());
}
