/** `troop init`: a cluster of one. */
import type { Command } from "commander";
import { callOf, type Home } from "../core/home.ts";
import type { ConfigDraft } from "./context.ts";
import { joinLine } from "./join_line.ts";
import { addSetupOptions, readName, readSetup, type SetupOptions } from "./setup_options.ts";
import { addExamples, type Session, writeLine } from "./session.ts";

/** Name of a cluster nobody named. */
export const CLUSTER_DEFAULT = "troop";

/** Adds the verb. */
export function addInit(program: Command, session: Session): void {
  const command = program.command("init")
    .summary("begin a cluster with this machine")
    .description("Begin a cluster with this machine: write its file and a fresh token.")
    .option("--cluster <name>", "name of the cluster", CLUSTER_DEFAULT);
  addSetupOptions(command);
  addExamples(command, [
    "troop init",
    "troop init --interface eth0 --heartbeat 10.0.0.11",
    "troop init --cluster web --name n1 --address 192.0.2.11 --http 127.0.0.1:6941",
    "troop --home /srv/n1 init",
  ]);
  command.action(async (options: SetupOptions & { readonly cluster: string }) => {
    const { context } = session;
    const attempted = "init";
    const home = session.home();
    const cluster = readName(attempted, "--cluster", options.cluster);
    context.refuseExisting(home, attempted);
    const setup = readSetup(attempted, options, await context.hostFacts(home));
    const draft: ConfigDraft = { cluster, ...setup, token: context.newToken() };
    context.createConfig(home, draft, attempted);
    writeLine(context.stdout, describeNode(home, draft));
    writeLine(context.stdout, nextSteps(home, draft));
  });
}

/** What was written, for the person who asked. */
export function describeNode(home: Home, draft: ConfigDraft): string {
  return `Node ${draft.name} of cluster ${draft.cluster}: ${draft.address} on ${draft.interface}\n` +
    `Written: ${home.config} (mode 0600: the cluster's token is in it)`;
}

/** How to start the agent of this home. */
export function startLine(home: Home): string {
  const run = `${callOf(home)} run`;
  return home.folder === null ? `${run}      (or: systemctl enable --now troop)` : run;
}

function nextSteps(home: Home, draft: ConfigDraft): string {
  return `
Start the agent:
  ${startLine(home)}

Then on each further machine:
  ${joinLine(draft)}
`.trimEnd();
}
