/**
 * What is asked about the document as a whole, and what is answered.
 */
import type { Edit } from "./document.ts";
import type { DocumentProblem } from "./document_problems.ts";

/** How far an edit has come when it is acknowledged: it is on this node's disk, and was sent to so many peers. */
export interface EditReceipt {
  readonly sentTo: number;
}

/** How to edit. */
export interface EditOptions {
  /** Digest of the document the edits were made for: another one is refused. */
  readonly base?: string;
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
