/**
 * What was edited, told to people, and taken back.
 */
import { canonicalJson } from "../core/canonical.ts";
import { editsOf, type EntryChange } from "../core/document/difference.ts";
import { documentProblems } from "../core/document/document_problems.ts";
import type { HistoryView, UndoAnswer, UndoOrder } from "../core/document/document_orders.ts";
import { applied, entryOf } from "../core/document/edit_changes.ts";
import {
  type HistoryChange,
  type HistoryEntry,
  historyId,
  isAsLeft,
} from "../core/document/history.ts";
import { Refusal } from "../core/refusal.ts";
import type { ServerEntry } from "../core/service/server.ts";
import type { Drain } from "../core/document/drain.ts";
import { isDraining } from "../core/document/drain.ts";
import { changeLines, commit, type OperationsOptions, refuseIf } from "./operation_tools.ts";

/** Later edits that a refusal names. */
const LATER_TOLD = 3;
/** Entries in the way that a refusal names. */
const ENTRIES_TOLD = 3;

/** The remembered edits, without what they replaced: that may hold secrets. */
export function historyViews({ store }: Pick<OperationsOptions, "store">): HistoryView[] {
  return store.history().map((entry) => ({
    id: historyId(entry),
    atMs: entry.atMs,
    node: entry.node,
    user: entry.user,
    words: entry.words,
    more: entry.more,
    undoes: entry.undoes,
    undoable: restorable(entry).length > 0,
  }));
}

/** Takes an edit back: what it replaced is put in its place again. */
export async function undo(
  options: OperationsOptions,
  { id, force, dryRun }: UndoOrder,
): Promise<UndoAnswer> {
  const { agent, store } = options;
  const entry = findEdit(store.history(), id);
  const name = historyId(entry);
  const attempted = `undo ${name}`;
  refuseIf(entry.changes === null, {
    attempted,
    problem: "it was too large to be remembered whole",
    remedy: "apply an export that was made before it",
  });
  const wanted = restorable(entry);
  refuseIf(wanted.length === 0, {
    attempted,
    problem: "it was an order and not a decision: nothing of it is left to take back",
    remedy: "give the opposite order, for example `troop vip move`",
  });
  const document = store.current();
  const touched = wanted.filter((change) => !isAsLeft(document, change));
  if (touched.length > 0 && !force) throw changedSince(options, { entry, attempted, touched });
  const base = store.digest();
  const changes = wanted.map((change) => restored(options, change))
    .filter((change) => change !== null);
  const words = changeLines(agent, changes);
  refuseProblems(options, attempted, changes);
  if (changes.length === 0) {
    return { message: `${name} is undone already: everything is as it was before it`, words };
  }
  if (dryRun) return { message: `undo ${name} would change this`, words };
  const edits = editsOf(changes, agent.state.wallMs);
  const stored = await commit(options, edits, { base, undoes: name });
  return { message: `${name} is undone, ${stored}`, words };
}

/** What of an edit can be taken back: a move is spent, and who has left has left. */
function restorable({ changes }: HistoryEntry): HistoryChange[] {
  return (changes ?? []).filter(({ part }) => part !== "moves" && part !== "nodes");
}

function findEdit(history: readonly HistoryEntry[], id: string | null): HistoryEntry {
  const [last] = history;
  const found = id === null
    ? [last]
    : history.filter((entry) => historyId(entry) === id || String(entry.sequence) === id);
  const [only, other] = found;
  if (only !== undefined && other === undefined) return only;
  throw new Refusal({
    attempted: id === null ? "undo" : `undo ${id}`,
    problem: only === undefined
      ? id === null ? "no edit is remembered" : "no such edit is remembered"
      : `it was made on several nodes at once: ${
        found.flatMap((item) => item === undefined ? [] : [historyId(item)]).join(", ")
      }`,
    remedy: "see them with `troop history`",
  });
}

function changedSince(
  { agent, store }: OperationsOptions,
  { entry, attempted, touched }: {
    readonly entry: HistoryEntry;
    readonly attempted: string;
    readonly touched: readonly HistoryChange[];
  },
): Refusal {
  const history = store.history();
  const later = history.slice(0, history.indexOf(entry)).filter(({ changes }) =>
    changes?.some(({ part, key }) =>
      touched.some((change) => change.part === part && change.key === key)
    )
  ).map(historyId);
  const document = store.current();
  const names = touched.map(({ part, key }) =>
    changeLines(agent, [
      { part, key, before: entryOf(document, part, key), after: undefined } as EntryChange,
    ])[0]?.slice(2) ?? key
  );
  const by = later.length === 0
    ? "since"
    : `by ${later.slice(0, LATER_TOLD).join(", ")}${
      later.length > LATER_TOLD ? " and others" : ""
    }`;
  return new Refusal({
    attempted,
    problem: `${names.slice(0, ENTRIES_TOLD).join(", ")}${
      names.length > ENTRIES_TOLD ? ` and ${names.length - ENTRIES_TOLD} more` : ""
    } ${names.length === 1 ? "was" : "were"} changed again ${by}`,
    remedy: later.length === 0
      ? "say --force to put back what was there before it"
      : "undo that first, or say --force to put back what was there before it",
  });
}

/** The change that puts back what was there; null when it is there. */
function restored(
  { agent, store }: OperationsOptions,
  { part, key, before: then }: HistoryChange,
): EntryChange | null {
  const now = entryOf(store.current(), part, key);
  const after = wasGoing(part, then) ? { ...then as ServerEntry, off: false } : then;
  const ended = part === "drains" && after !== undefined &&
    !isDraining(after as Drain, agent.state.wallMs);
  const change = { part, key, before: now, after: ended ? undefined : after } as EntryChange;
  const drained = part === "drains" && now !== undefined &&
    isDraining(now as Drain, agent.state.wallMs);
  // A drain that was lifted is as good as none.
  if (change.after === undefined && (part === "drains" ? !drained : now === undefined)) return null;
  return canonicalJson(now ?? null) === canonicalJson(change.after ?? null) ? null : change;
}

/** A server that was on its way out when it was removed comes back as one that serves. */
function wasGoing(part: string, entry: unknown): boolean {
  return part === "servers" && (entry as ServerEntry | undefined)?.off === true;
}

/** What stands against the result and did not before. */
function refuseProblems(
  { store }: OperationsOptions,
  attempted: string,
  changes: readonly EntryChange[],
): void {
  const document = store.current();
  const known = new Set(
    documentProblems(document, { checks: false }).map((problem) => JSON.stringify(problem)),
  );
  const problem = documentProblems(applied(document, changes), { checks: false })
    .find((problem) => !known.has(JSON.stringify(problem)));
  if (problem === undefined) return;
  throw new Refusal({
    attempted,
    problem: problem.problem,
    remedy: "change what is in its way first, or give the order anew",
  });
}
