/**
 * What is asked about the document as a whole, and what is answered.
 */
import type { Edit, NodeId } from "./document.ts";
import type { DocumentProblem } from "./document_problems.ts";
import type { Snapshot } from "./document_wire.ts";
import type { EditNote } from "./history.ts";

/** How far an edit has come when it is acknowledged: it is on this node's disk, and was sent to so many peers. */
export interface EditReceipt {
  readonly sentTo: number;
  /** Which of these peers have it on their disks too; waits a moment for them to say so. */
  readonly storedBy: (peers: readonly NodeId[]) => Promise<readonly NodeId[]>;
}

/** How to edit. */
export interface EditOptions {
  /** Digest of the document the edits were made for: another one is refused. */
  readonly base?: string;
  /** Who edits, for the history; left out: the edit is not remembered. */
  readonly note?: EditNote;
}

/** A remembered edit for people. */
export interface HistoryView {
  readonly id: string;
  /** Wall clock of the node where it was made, ms since 1970. */
  readonly atMs: number;
  readonly node: string;
  /** Empty: nobody said. */
  readonly user: string;
  /** What it changed, one entry per line, without secrets. */
  readonly words: readonly string[];
  /** Lines that were left out. */
  readonly more: number;
  /** The edit it took back; null when none. */
  readonly undoes: string | null;
  /** Whether what it replaced is still known. */
  readonly undoable: boolean;
}

/** Which edit to take back. */
export interface UndoOrder {
  /** Its id, or its number where that is enough; null: the last one. */
  readonly id: string | null;
  /** Also where later edits have changed the same entries. */
  readonly force: boolean;
  readonly dryRun: boolean;
}

/** What became of it. */
export interface UndoAnswer {
  /** A line for the person who asked. */
  readonly message: string;
  /** What changes, one entry per line. */
  readonly words: readonly string[];
}

/** What a file changes. */
export interface ApplyOrder {
  /** Digest of the document for which that was worked out. */
  readonly base: string;
  readonly edits: readonly Edit[];
  /** Only say what stands against it. */
  readonly dryRun: boolean;
}

/** What became of it. */
export interface ApplyAnswer {
  /** A line for the person who asked; empty when nothing was done. */
  readonly message: string;
  /** What stands against it on this machine and in this cluster: nothing was done then. */
  readonly problems: readonly DocumentProblem[];
}

/** What operators ask about the document as a whole. */
export interface DocumentOperations {
  /** The document as files describe it. */
  document(): Snapshot;
  /** Applies what a file changes, all or nothing. */
  apply(order: ApplyOrder): Promise<ApplyAnswer>;
  /** Edits that are remembered, the newest first. */
  history(): readonly HistoryView[];
  /** Takes an edit back, by another one. */
  undo(order: UndoOrder): Promise<UndoAnswer>;
}
