/**
 * One replica of the cluster document as a CRDT (Yjs): one map per part, entries as plain JSON (written_values.ts says
 * how they are replaced). Replicas that have merged the same edits, in whatever order, have the same content and the
 * same digest.
 */
import * as Y from "yjs";
import { ContentTracker } from "./document_content.ts";
import { type DigestTracker, trackDigest } from "./document_digest.ts";
import { partNames } from "./document_entry.ts";
import { HistoryTracker } from "./document_history.ts";
import { realTimers, type Timers } from "../process/timers.ts";
import { keepsTrace } from "./written_values.ts";

/** Bytes of updates kept that wait for an earlier one: beyond, they are forgotten and synchronized again. */
const PENDING_BYTES_MAX = 1_048_576;
/**
 * Time for which they are kept, ms. What they wait for overtook them by a moment, or comes by the next synchronization,
 * which is not a minute away; what never comes would be written and sent along for ever.
 */
export const PENDING_MS_MAX = 60_000;

/** A replica, and what follows its changes. */
export interface Replica {
  readonly doc: Y.Doc;
  readonly content: ContentTracker;
  readonly history: HistoryTracker;
  readonly digest: DigestTracker;
  readonly timers: Timers;
  /** Calls off that what waits is forgotten; null while nothing waits. */
  cancelForgetting: (() => void) | null;
}

/** Makes a replica of what these updates say together. Throws on bytes that are no update. */
export function createReplica(
  updates: readonly Uint8Array[] = [],
  timers: Timers = realTimers,
): Replica {
  const doc = new Y.Doc({ gcFilter: keepsTrace });
  doc.clientID = timers.writer();
  // Named here so that no update can make them something other than maps.
  for (const part of partNames) doc.getMap(part);
  const replica: Replica = {
    doc,
    content: new ContentTracker(doc),
    history: new HistoryTracker(doc),
    digest: trackDigest(doc),
    timers,
    cancelForgetting: null,
  };
  Y.transact(doc, () => applyAll(doc, updates), null, false);
  boundPending(replica);
  return replica;
}

function applyAll(doc: Y.Doc, updates: readonly Uint8Array[]): void {
  const waiting: Uint8Array[] = [];
  for (const update of updates) {
    // Yjs merges each update that has to wait with all that wait already: thousands of them are merged at once.
    if (doc.store.pendingStructs === null) Y.applyUpdate(doc, update);
    else waiting.push(update);
  }
  if (waiting.length > 0) Y.applyUpdate(doc, Y.mergeUpdates(waiting));
}

/** Applies an update this node made. */
export function applyOwnUpdate({ doc }: Replica, update: Uint8Array): void {
  // Yjs takes its own name on an update it did not make for a clash, and complains on the console. It was made
  // on paper under this name, so the name is put away meanwhile.
  const name = doc.clientID;
  doc.clientID = (name ^ 1) >>> 0;
  Y.applyUpdate(doc, update);
  doc.clientID = name;
}

/** An update that could not be merged. */
export class BadUpdate extends Error {
  /** Whether the replica may be damaged, and must be made anew. */
  readonly damaging: boolean;

  constructor(cause: unknown, damaging: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.damaging = damaging;
  }
}

/** Applies an update from a peer; the changes it made, as updates. Throws {@link BadUpdate}. */
export function applyPeerUpdate(replica: Replica, update: Uint8Array): Uint8Array[] {
  const { doc } = replica;
  try {
    Y.decodeUpdate(update);
  } catch (error) {
    throw new BadUpdate(error, false);
  }
  const changes: Uint8Array[] = [];
  const notice = (change: Uint8Array) => void changes.push(change);
  doc.on("update", notice);
  try {
    Y.applyUpdate(doc, update);
  } catch (error) {
    throw new BadUpdate(error, true);
  } finally {
    doc.off("update", notice);
  }
  boundPending(replica);
  return changes;
}

/** Forgets what waits for an earlier update when it is too much, or has waited for too long. */
function boundPending(replica: Replica): void {
  const { store } = replica.doc;
  if ((store.pendingStructs?.update.length ?? 0) > PENDING_BYTES_MAX) store.pendingStructs = null;
  if ((store.pendingDs?.length ?? 0) > PENDING_BYTES_MAX) store.pendingDs = null;
  if (store.pendingStructs === null && store.pendingDs === null) {
    replica.cancelForgetting?.();
    replica.cancelForgetting = null;
    return;
  }
  replica.cancelForgetting ??= replica.timers.after(PENDING_MS_MAX, () => {
    replica.cancelForgetting = null;
    store.pendingStructs = null;
    store.pendingDs = null;
  });
}

/** What the replica has seen, for another one to tell what is missing. */
export function stateVector({ doc }: Replica): Uint8Array {
  return Y.encodeStateVector(doc);
}
