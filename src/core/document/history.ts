/**
 * What was edited, by whom, and what it replaced: kept beside the document on every node, so that any of them can show
 * it and take it back.
 */
import { z } from "zod";
import { canonicalJson } from "../canonical.ts";
import type { ChangedPart, EntryChange } from "./difference.ts";
import { type ClusterDocument, documentParts, nameSchema } from "./document.ts";
import { entryOf } from "./edit_changes.ts";
import { fingerprint } from "../fingerprint.ts";

/** Edits that are remembered: some weeks of a cluster that is looked after by people. */
export const HISTORY_EDITS_MAX = 128;
/** What all of them may take, bytes of JSON: a sixteenth of the largest document, so that it stays a small part of it. */
export const HISTORY_BYTES_MAX = 1_048_576;
/**
 * What one edit may take, bytes of JSON: some hundred services. It travels as one piece of an update, which is bounded.
 * A larger one is remembered in words and cannot be undone;
 * an export taken before can be applied instead.
 */
export const HISTORY_ENTRY_BYTES_MAX = 131_072;
/** What a change takes beside its key and what was there, bytes; it also bounds how many fingerprints are taken at once. */
const CHANGE_BYTES = 160;
/** Lines of words that are kept of an edit; the rest is counted. */
export const HISTORY_LINES_MAX = 20;
/** Longest line that is kept. */
export const HISTORY_LINE_LENGTH_MAX = 200;
/** Longest name of a user that is kept (useradd(8) takes 32 characters; directory services take more). */
export const USER_LENGTH_MAX = 64;
/** Highest number of an edit: more than anybody makes. */
const SEQUENCE_MAX = 0x7fff_ffff;

const partName = z.enum(Object.keys(documentParts) as [ChangedPart, ...ChangedPart[]]);

/** One entry that an edit changed. */
const historyChangeSchema = z.object({
  part: partName,
  key: z.string().min(1).max(256),
  /** What was there; left out: nothing. */
  before: z.unknown().optional(),
  /** Fingerprint of what the edit put there; null: nothing. */
  after: z.string().max(16).nullable(),
});
/** See {@link historyChangeSchema}. */
export type HistoryChange = z.infer<typeof historyChangeSchema>;

/** An edit that is remembered. Unknown fields are dropped, so that newer nodes can add some. */
export const historyEntrySchema = z.object({
  /** Counts the edits of the cluster; those made at the same time in two places may have the same one. */
  sequence: z.int().min(1).max(SEQUENCE_MAX),
  /** Wall clock of the node where it was made, ms since 1970. */
  atMs: z.number().min(0),
  /** Name of that node. */
  node: nameSchema,
  /** Who asked, as the command line says; empty when it does not say. */
  user: z.string().max(USER_LENGTH_MAX),
  words: z.array(z.string().max(HISTORY_LINE_LENGTH_MAX)).max(HISTORY_LINES_MAX),
  /** Lines that were left out. */
  more: z.int().min(0),
  /** The edit that this one took back. */
  undoes: z.string().max(96).nullable().default(null),
  /** Null: too large to be kept. */
  changes: z.array(historyChangeSchema).nullable(),
});
/** See {@link historyEntrySchema}. */
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

/** Who edits, and how it is told. */
export interface EditNote {
  readonly node: string;
  readonly user: string;
  readonly undoes?: string;
  /** Puts changes into words, one line each, without secrets. */
  readonly describe: (changes: readonly EntryChange[]) => readonly string[];
}

/** The id of an edit: number and node. */
export function historyId({ sequence, node }: Pick<HistoryEntry, "sequence" | "node">): string {
  return `${sequence}-${node}`;
}

/** An edit to remember; null when it changes nothing. */
export function historyEntry(
  changes: readonly EntryChange[],
  note: EditNote,
  { sequence, wallMs }: { readonly sequence: number; readonly wallMs: number },
): HistoryEntry | null {
  if (changes.length === 0) return null;
  const words = note.describe(changes.slice(0, HISTORY_LINES_MAX));
  return {
    sequence: Math.min(sequence, SEQUENCE_MAX),
    atMs: wallMs,
    node: note.node,
    user: note.user.slice(0, USER_LENGTH_MAX),
    words: words.map((line) => line.slice(0, HISTORY_LINE_LENGTH_MAX)),
    more: changes.length - words.length,
    undoes: note.undoes ?? null,
    changes: keptChanges(changes),
  };
}

function keptChanges(changes: readonly EntryChange[]): HistoryChange[] | null {
  let bytes = 0;
  for (const { key, before } of changes) {
    const text = before === undefined ? "" : JSON.stringify(before);
    // Characters of three bytes are the longest that JSON leaves as they are.
    bytes += 3 * text.length + key.length + CHANGE_BYTES;
    if (bytes > HISTORY_ENTRY_BYTES_MAX) return null;
  }
  return changes.map(({ part, key, before, after }) => ({
    part,
    key,
    ...(before === undefined ? {} : { before }),
    after: after === undefined ? null : markOf(after),
  }));
}

/** The newest first. */
export function byAge(
  a: Pick<HistoryEntry, "sequence" | "atMs" | "node">,
  b: Pick<HistoryEntry, "sequence" | "atMs" | "node">,
): number {
  return b.sequence - a.sequence || b.atMs - a.atMs || (a.node < b.node ? 1 : -1);
}

function markOf(value: unknown): string {
  return fingerprint(canonicalJson(value));
}

/** Whether an entry is as this change left it. */
export function isAsLeft(document: ClusterDocument, { part, key, after }: HistoryChange): boolean {
  const now = entryOf(document, part, key);
  return (now === undefined ? null : markOf(now)) === after;
}
