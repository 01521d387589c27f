/** `troop apply`: makes the cluster have what a file says. */
import type { Command } from "commander";
import { differences, editsOf, type EntryChange, removesAny } from "../core/document/difference.ts";
import { type ChangeWords, changeWords } from "../core/document/difference_words.ts";
import type { ClusterDocument } from "../core/document/document.ts";
import { type DocumentProblem, documentProblems } from "../core/document/document_problems.ts";
import { documentOf, type Snapshot } from "../core/document/document_wire.ts";
import { nodeNames } from "../core/file/names.ts";
import { type FileContent, readDocument } from "../core/file/read.ts";
import type { Mistake } from "../core/file/tree.ts";
import { Refusal } from "../core/refusal.ts";
import type { Service } from "../core/service/service.ts";
import type { CliContext, RunningAgent } from "./context.ts";
import { differenceSummary, differenceText } from "./difference_text.ts";
import { readYaml } from "./document_yaml.ts";
import { addExamples, type Session, usage, writeLine } from "./session.ts";
import { printable, styleFor } from "./table_text.ts";

/** Exit status of `--dry-run` when there is a difference: 1 and 2 mean that something is wrong. */
export const EXIT_DIFFERENCE = 3;
/** Mistakes that are told: beyond, a file is of another kind altogether. */
const MISTAKES_TOLD = 100;

interface Options {
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Adds the verb. */
export function addApply(program: Command, session: Session): void {
  const command = program.command("apply")
    .summary("make the cluster have what a file says")
    .description(
      "Make the cluster have what a file of `troop export` says, as one edit: all of it\n" +
        "or nothing. A section that stands in the file (settings, vips, services, drains)\n" +
        "is the whole truth about its part: what it does not name is removed, and what it\n" +
        "does not say of an entry has its standard. A section that is not there is left\n" +
        "alone. *** keeps the secret that is there.\n\n" +
        "The difference is shown first. Where it removes something, it is asked for at a\n" +
        "terminal, and refused elsewhere without --yes.\n\n" +
        "Exit status: 0 done, or no difference; 1 failed; 2 mistakes in the file, each\n" +
        `told with line and column; ${EXIT_DIFFERENCE} --dry-run found a difference.`,
    )
    .option("-f, --file <file>", "the file; - for standard input")
    .option("-n, --dry-run", "show the difference, check everything, change nothing")
    .option("-y, --yes", "remove without asking");
  addExamples(command, [
    "troop export -o cluster.yaml && vi cluster.yaml && troop apply -f cluster.yaml",
    "troop apply -f cluster.yaml --dry-run",
    "ssh n1 troop export --secrets | troop apply -f - --yes",
  ]);
  command.action(async (options: Options) => {
    const { file } = options;
    if (file === undefined) throw usage("apply", "no file is named", "name it with -f FILE");
    await apply(session, file, options);
  });
}

async function apply(
  { context, home, finish }: Session,
  file: string,
  { dryRun = false, yes = false }: Options,
): Promise<void> {
  const { stdout, env } = context;
  const source: Source = { name: file === "-" ? "standard input" : file };
  const tree = readYaml(await readFile(context, file));
  if (!("kind" in tree)) throw mistaken(source, tree);
  const agent = context.connect(home());
  const snapshot = await agent.document();
  const plan = planFor(source, snapshot, readDocument(tree, contextOf(snapshot)));
  if (plan.changes.length === 0) return writeLine(stdout, "no difference: nothing to do");
  await judgeThere(agent, source, plan);
  stdout.write(differenceText(plan.words, styleFor(stdout, env)));
  writeLine(stdout, differenceSummary(plan.words));
  if (dryRun) return finish(EXIT_DIFFERENCE);
  if (removesAny(plan.changes) && !yes) await confirm(context);
  const { base, edits } = plan;
  const { message, problems } = await agent.apply({ base, edits, dryRun: false });
  if (problems.length > 0) throw mistaken(source, placed(plan.content, problems));
  writeLine(stdout, message);
}

interface Source {
  readonly name: string;
}

/** What is to be done, and with what words. */
interface Plan {
  readonly content: FileContent;
  readonly base: string;
  readonly changes: readonly EntryChange[];
  readonly edits: ReturnType<typeof editsOf>;
  readonly words: readonly ChangeWords[];
}

function contextOf(snapshot: Snapshot) {
  return {
    current: documentOf(snapshot),
    names: nodeNames(snapshot.nodes),
    wallMs: snapshot.wallMs,
  };
}

/** Works out the difference. Throws a Refusal that lists every mistake. */
function planFor(source: Source, snapshot: Snapshot, content: FileContent): Plan {
  if (content.mistakes.length > 0) throw mistaken(source, content.mistakes);
  const { current, names, wallMs } = contextOf(snapshot);
  const { present } = content;
  const after: ClusterDocument = {
    ...current,
    ...(present.has("settings") ? { settings: content.settings } : {}),
    ...(present.has("vips") ? { vips: content.vips } : {}),
    ...(present.has("services") ? { services: content.services, servers: content.servers } : {}),
    ...(present.has("drains") ? { drains: content.drains } : {}),
  };
  const changes = differences(current, after, { sections: present, wallMs });
  const problems = changes.length === 0 ? [] : documentProblems(after);
  if (problems.length > 0) throw mistaken(source, placed(content, problems));
  const services = new Map<string, Service>([...current.services, ...after.services]);
  return {
    content,
    base: snapshot.digest,
    changes,
    edits: editsOf(changes, wallMs),
    words: changes.map((change) => changeWords(change, { names, services })),
  };
}

/** Asks the agent what stands against it there: addresses of nodes, files of checks, rows of others. */
async function judgeThere(
  agent: RunningAgent,
  source: Source,
  { base, edits, content }: Plan,
): Promise<void> {
  const { problems } = await agent.apply({ base, edits, dryRun: true });
  if (problems.length > 0) throw mistaken(source, placed(content, problems));
}

/** Problems with the places of the entries they are about; those about what the file does not say stand at its top. */
function placed({ places }: FileContent, problems: readonly DocumentProblem[]): Mistake[] {
  return problems.map(({ part, key, problem }) => {
    const at = places.get(`${part} ${key}`);
    if (at !== undefined) return { at, text: problem };
    return {
      at: { line: 1, column: 1 },
      text: key === null ? problem : `${part} ${key}: ${problem}`,
    };
  }).toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
}

function mistaken({ name }: Source, mistakes: readonly Mistake[]): Refusal {
  const lines = mistakes.slice(0, MISTAKES_TOLD)
    .map(({ at, text }) => `${name}:${at.line}:${at.column}: ${text}`);
  const more = mistakes.length - lines.length;
  return new Refusal({
    attempted: `apply ${name}`,
    problem: mistakes.length === 1 ? "it has a mistake" : `it has ${mistakes.length} mistakes`,
    remedy: "correct it; nothing was changed",
    kind: "usage",
  }, { cause: more > 0 ? [...lines, `and ${more} more`] : lines });
}

async function readFile(context: CliContext, file: string): Promise<string> {
  try {
    return file === "-" ? await context.readStdin() : context.readText(file);
  } catch (error) {
    throw new Refusal({
      attempted: `apply ${file}`,
      problem: `cannot read it: ${printable((error as Error).message)}`,
      remedy: "name a file of this machine, or - for standard input",
      kind: "usage",
    }, { cause: error });
  }
}

/** Throws unless the person says yes. */
async function confirm(context: CliContext): Promise<void> {
  const answer = await context.ask("Something is removed. Apply it? [y/N] ");
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return;
  throw new Refusal({
    attempted: "apply the file",
    problem: answer === null
      ? "it removes something, and nobody is here to be asked"
      : "not wanted",
    remedy: answer === null ? "say --yes; nothing was changed" : "nothing was changed",
  });
}
