/**
 * Edits worked out piece by piece: a file can change thousands of entries, and pulses have to go out meanwhile.
 */
import type { ClusterDocument, Edit } from "../../core/document/document.ts";
import type { EntryChange } from "../../core/document/difference.ts";
import { EditChanges } from "../../core/document/edit_changes.ts";
import {
  checkValue,
  type PreparedEdit,
  preparing,
  refuse,
  type Remember,
} from "./document_edit.ts";
import { runInTurns } from "../../core/steps.ts";
import type { Replica } from "./document_replica.ts";
import type { Timers } from "../process/timers.ts";

/** Edits validated in one go: a few ms. */
const TURN_EDITS = 32;

/** What valid edits change in a document. Rejects with a Refusal for one that is not valid. */
export async function changesInTurns(
  document: ClusterDocument,
  edits: readonly Edit[],
  timers: Pick<Timers, "turn">,
): Promise<EntryChange[]> {
  const changes = new EditChanges(document);
  for (const [index, edit] of edits.entries()) {
    if (index % TURN_EDITS === TURN_EDITS - 1) await timers.turn();
    checkValue(edit);
    changes.add(edit);
  }
  return changes.list();
}

/** How to prepare. */
export interface PrepareOptions {
  /** Left out: the edit is not remembered. */
  readonly remember: Remember | undefined;
  /** Whether the document stays within its limit with an update. */
  readonly fits: (update: Uint8Array) => boolean;
  readonly timers: Pick<Timers, "turn">;
}

/**
 * Works valid edits out, with a word for the history if there is room for that. Rejects with a Refusal when a limit
 * would be exceeded.
 */
export async function prepareInTurns(
  replica: Replica,
  edits: readonly Edit[],
  { remember, fits, timers }: PrepareOptions,
): Promise<PreparedEdit> {
  const turn = () => timers.turn();
  const prepared = await runInTurns(preparing(replica, edits, remember), turn);
  if (prepared.whole === null || fits(prepared.whole)) return prepared;
  if (remember !== undefined) {
    const bare = await runInTurns(preparing(replica, edits), turn);
    if (bare.whole !== null && fits(bare.whole)) return bare;
  }
  throw refuse(
    "the cluster document would be too big",
    "remove what is not needed; if traces of past edits fill it, `troop export`, begin a new cluster and `troop apply`",
  );
}
