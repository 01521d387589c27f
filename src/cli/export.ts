/** `troop export`: everything that was decided for the cluster, as a file. */
import type { Command } from "commander";
import { documentOf, type Snapshot } from "../core/document/document_wire.ts";
import { nodeNames } from "../core/file/names.ts";
import { writeDocument } from "../core/file/write.ts";
import { Refusal } from "../core/refusal.ts";
import { writeYaml } from "./document_yaml.ts";
import { addExamples, type Session, writeLine } from "./session.ts";

interface Options {
  readonly output?: string;
  readonly secrets?: boolean;
}

/** Adds the verb. */
export function addExport(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("export")
    .summary("write everything that was decided for the cluster as a file")
    .description(
      "Write services, servers, VIPs, settings and maintenance of the whole cluster as\n" +
        "YAML, in the words of the command line and always in the same order.\n" +
        "`troop apply` makes a cluster have what such a file says. Secrets of checks are\n" +
        '***, which `troop apply` takes for "as it is".',
    )
    .option("-o, --output <file>", "write it there, not to standard output")
    .option("--secrets", "with the secrets; the file is then for its owner alone (mode 0600)");
  addExamples(command, [
    "troop export -o cluster.yaml",
    "troop export --secrets -o backup.yaml    # a backup that is complete",
    "troop export | diff cluster.yaml -",
  ]);
  command.action(async ({ output, secrets = false }: Options) => {
    const text = exportText(await context.connect(session.home()).document(), secrets);
    if (output === undefined || output === "-") return context.stdout.write(text);
    try {
      context.writeText(output, text, secrets);
    } catch (error) {
      throw new Refusal({
        attempted: "export the cluster document",
        problem: `cannot write ${output}: ${(error as Error).message}`,
        remedy: "name a file in a folder that is there",
      }, { cause: error });
    }
    writeLine(context.stderr, `written to ${output}`);
  });
}

/** The file of a document. */
export function exportText(snapshot: Snapshot, secrets: boolean): string {
  const head = [
    `The document of troop cluster ${snapshot.cluster}. \`troop apply -f FILE\` makes a cluster have it: a section`,
    "that stands here is the whole truth about its part, one that is taken out leaves its part alone.",
    ...(secrets ? ["This file holds secrets."] : ["*** stands for the secret that is there."]),
  ];
  return writeYaml(
    head,
    writeDocument(documentOf(snapshot), {
      names: nodeNames(snapshot.nodes),
      secrets,
      wallMs: snapshot.wallMs,
    }),
  );
}
