/** `troop history` and `troop undo`: what was edited, by whom, and back. */
import type { Command } from "commander";
import type { HistoryView } from "../core/document/document_orders.ts";
import { HISTORY_EDITS_MAX } from "../core/document/history.ts";
import { addExamples, type Session, usage, writeJson, writeLine } from "./session.ts";
import { printable, styleFor, type TextStyle, type Tone, toned } from "./table_text.ts";
import { readNumber } from "./words.ts";

/** Edits of a call that names no number. */
const LIMIT_DEFAULT = 20;

/** Adds both verbs. */
export function addHistory(program: Command, session: Session): void {
  addHistoryVerb(program, session);
  addUndoVerb(program, session);
}

function addHistoryVerb(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("history")
    .summary("what was decided for the cluster, when and by whom")
    .description(
      "The last edits of the cluster document, the newest first: number and node, time,\n" +
        `who asked, and what changed. Every node has the last ${HISTORY_EDITS_MAX}; secrets are never shown.`,
    )
    .option("-n, --number <n>", `the last so many (default: ${LIMIT_DEFAULT})`)
    .option("--json", "for programs: [{ id, atMs, node, user, words, more, undoes, undoable }]");
  addExamples(command, ["troop history", "troop history -n 100 --json"]);
  command.action(async ({ number, json = false }: { number?: string; json?: boolean }) => {
    const limit = number === undefined ? LIMIT_DEFAULT : readNumber("read the history", {
      option: "--number",
      text: number,
      min: 1,
      max: HISTORY_EDITS_MAX,
    });
    const edits = (await context.connect(session.home()).history()).slice(0, limit);
    if (json) return writeJson(context.stdout, edits);
    if (edits.length === 0) return writeLine(context.stdout, "nothing was edited yet");
    const style = styleFor(context.stdout, context.env);
    for (const edit of edits) context.stdout.write(editText(edit, style));
  });
}

function addUndoVerb(program: Command, session: Session): void {
  const { context } = session;
  const command = program.command("undo")
    .summary("take an edit back")
    .description(
      "Put back what an edit replaced: the edit with this id, or the last one. That is\n" +
        "an edit itself, so that a second `troop undo` takes the first one back. It is\n" +
        "refused where later edits have changed the same entries, unless --force is said.",
    )
    .argument("[id]", "as `troop history` shows it; the number alone where it is the only one")
    .option("--force", "also what later edits have changed again")
    .option("-n, --dry-run", "show what it would change, change nothing");
  addExamples(command, ["troop undo", "troop undo 41 --dry-run", "troop undo 41-n2 --force"]);
  command.action(
    async (id: string | undefined, options: { force?: boolean; dryRun?: boolean }) => {
      if (id !== undefined && !/^\d{1,10}(?:-[A-Za-z0-9][A-Za-z0-9._-]*)?$/.test(id)) {
        throw usage(`undo ${id}`, `"${id}" is no id of an edit`, "see them with `troop history`");
      }
      const { message, words } = await context.connect(session.home()).undo({
        id: id ?? null,
        force: options.force ?? false,
        dryRun: options.dryRun ?? false,
      });
      const style = styleFor(context.stdout, context.env);
      for (const line of words) writeLine(context.stdout, lineText(line, style));
      writeLine(context.stdout, message);
    },
  );
}

function editText(edit: HistoryView, style: TextStyle): string {
  const { id, atMs, node, user, undoes, undoable, words, more } = edit;
  const time = new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z");
  const who = user === "" ? node : `${user} on ${node}`;
  const notes = [
    ...(undoes === null ? [] : [`undoes ${undoes}`]),
    ...(undoable ? [] : ["cannot be undone"]),
  ];
  const head = [toned(printable(id), "heading", style), time, printable(who), ...notes].join("  ");
  const lines = words.map((line) => `    ${lineText(line, style)}\n`);
  return `${head}\n${lines.join("")}${more === 0 ? "" : `    and ${more} more\n`}`;
}

const TONES: Readonly<Record<string, Tone>> = { "+": "good", "-": "bad", "~": "warning" };

function lineText(line: string, style: TextStyle): string {
  return toned(printable(line), TONES[line[0] ?? ""] ?? "plain", style);
}
