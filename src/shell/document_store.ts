/**
 * The replicated cluster document: edits are on this node's disk before they are acknowledged, then told to
 * every peer; what a peer missed is exchanged when the two meet (anti-entropy).
 */
import type * as Y from "yjs";
import { type ClusterDocument, documentParts, type Edit } from "../core/document.ts";
import { Refusal } from "../core/refusal.ts";
import type { DocumentStore, EditReceipt } from "../ports.ts";
import { loadReplica, saveReplica } from "./document_file.ts";
import { DOCUMENT_BYTES_MAX, type DocumentNetwork } from "./document_network.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  countEntries,
  createReplica,
  editCopy,
  encodeReplica,
  missingFor,
  readReplica,
  replicaDigest,
  stateVector,
  takeNewName,
} from "./document_replica.ts";
import { createDropCounter, type DropCounter } from "./drop_counter.ts";
import type { Frames } from "./frames.ts";
import { errorText, NO_NOTICES, type Notices } from "./notices.ts";
import type { StateFolder } from "./state_folder.ts";

/** Time after which edits of peers are on disk, ms: a burst is one write. */
const SAVE_DELAY_MS = 500;
/** Time between attempts when the disk refuses, ms. */
const SAVE_RETRY_MS = 5_000;
const DONE = new Uint8Array(0);

/** Why something from a peer is dropped. `entry`: a part of the content that is not valid. */
export type DocumentDrop = "size" | "malformed" | "entry";

/** How to open the store. */
export interface DocumentStoreOptions {
  readonly folder: StateFolder;
  readonly network: DocumentNetwork;
  /** The content has changed, by an edit here or by a peer's. */
  readonly onChange: () => void;
  readonly notices?: Notices;
}

/** The open store. */
export interface OpenDocumentStore extends DocumentStore {
  /** What was dropped, by reason. */
  dropped(): ReadonlyMap<DocumentDrop, number>;
}

interface StoreState {
  readonly options: DocumentStoreOptions;
  readonly notices: Notices;
  readonly drops: DropCounter<DocumentDrop>;
  readonly synchronizing: Map<string, Promise<void>>;
  replica: Y.Doc;
  /** Last bytes known to be good, to start again from when an update has damaged the replica. */
  good: Uint8Array;
  /** Upper estimate of the encoded size, bytes. */
  bytes: number;
  content: ClusterDocument | undefined;
  digest: string | undefined;
  /** Counts changes; the disk has those up to `savedChange`. */
  change: number;
  savedChange: number;
  saveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Writes and edits, one after the other. */
  queue: Promise<unknown>;
  closed: boolean;
}

/** Opens the store from the state folder. Throws a Refusal when the folder cannot be read. */
export function openDocumentStore(options: DocumentStoreOptions): OpenDocumentStore {
  const notices = options.notices ?? NO_NOTICES;
  const replica = loadReplica(options.folder);
  const good = encodeReplica(replica);
  const state: StoreState = {
    options,
    notices,
    drops: createDropCounter({ notices, what: "parts of the cluster document" }),
    synchronizing: new Map(),
    replica,
    good,
    bytes: good.length,
    content: undefined,
    digest: undefined,
    change: 0,
    savedChange: 0,
    saveTimer: undefined,
    queue: Promise.resolve(),
    closed: false,
  };
  options.network.attach({
    update: (update) => takeUpdate(state, update),
    serve: (frames) => serve(state, frames),
  });
  return {
    current: () => state.content ??= readContent(state),
    digest: () => state.digest ??= replicaDigest(state.replica),
    edit: (edits) => enqueue(state, () => edit(state, edits)),
    synchronize: (peer) => synchronizeOnce(state, peer),
    dropped: () => state.drops.counts(),
    close: () => close(state),
  };
}

function readContent(state: StoreState): ClusterDocument {
  const { document, skipped } = readReplica(state.replica);
  for (const entry of skipped) state.drops.drop("entry", entry);
  return document;
}

/** Runs jobs one after the other; a job that fails does not stop the next. */
function enqueue<Result>(state: StoreState, job: () => Promise<Result>): Promise<Result> {
  const result = state.queue.then(job);
  state.queue = result.catch(() => {});
  return result;
}

async function edit(state: StoreState, edits: readonly Edit[]): Promise<EditReceipt> {
  checkEdits(edits);
  const { copy, update } = editCopy(state.replica, edits);
  const bytes = encodeReplica(copy);
  checkContent(state.replica, copy, bytes);
  const change = state.change;
  try {
    await saveReplica(state.options.folder, bytes);
  } catch (error) {
    // The refused edit may have reached the disk after all: never give its name to another edit.
    takeNewName(state.replica);
    throw error;
  }
  applyOwnUpdate(state.replica, update);
  state.good = bytes;
  state.bytes = bytes.length;
  // Edits of peers that came during the write are not in this file yet.
  state.savedChange = change + 1;
  noteChange(state);
  return { sentTo: await state.options.network.publish(update) };
}

function checkEdits(edits: readonly Edit[]): void {
  for (const one of edits) {
    const parsed = one.kind === "putService"
      ? documentParts.services.safeParse(one.service)
      : one.kind === "putMove"
      ? documentParts.moves.safeParse(one.move)
      : one.kind === "putNode"
      ? documentParts.nodes.safeParse(one.entry)
      : undefined;
    const issue = parsed?.error?.issues[0];
    if (issue !== undefined) {
      throw refuse(`${issue.path.join(".")} ${issue.message}`, "correct the value");
    }
  }
}

/** Refuses what goes over a limit. A document that a merge has brought over it can still be edited back. */
function checkContent(before: Y.Doc, after: Y.Doc, bytes: Uint8Array): void {
  const old = new Map(countEntries(before).map(({ what, count }) => [what, count]));
  for (const { what, count, max } of countEntries(after)) {
    if (count > max && count > (old.get(what) ?? 0)) {
      throw refuse(
        `a cluster has at most ${max} ${what}, and this makes ${count}`,
        "remove some first",
      );
    }
  }
  if (bytes.length > DOCUMENT_BYTES_MAX) {
    throw refuse("the cluster document would be too big", "remove services that are not needed");
  }
}

function refuse(problem: string, remedy: string): Refusal {
  return new Refusal({ attempted: "edit the cluster document", problem, remedy });
}

function noteChange(state: StoreState): void {
  state.change++;
  state.content = undefined;
  state.digest = undefined;
  if (state.change !== state.savedChange) saveLater(state, SAVE_DELAY_MS);
  state.options.onChange();
}

function saveLater(state: StoreState, delayMs: number): void {
  if (state.closed) return;
  state.saveTimer ??= setTimeout(() => {
    state.saveTimer = undefined;
    void enqueue(state, () => save(state)).catch((error) => {
      state.notices.warn({ problem: errorText(error) }, "cannot save the cluster document");
      saveLater(state, SAVE_RETRY_MS);
    });
  }, delayMs);
}

async function save(state: StoreState): Promise<void> {
  const { change } = state;
  if (change === state.savedChange) return;
  const bytes = encodeReplica(state.replica);
  await saveReplica(state.options.folder, bytes);
  state.good = bytes;
  state.bytes = bytes.length;
  state.savedChange = change;
}

/** Merges what a peer sent, and drops what cannot be merged. */
function takeUpdate(state: StoreState, update: Uint8Array): void {
  if (!fits(state, update)) return state.drops.drop("size", { bytes: update.length });
  try {
    state.bytes += update.length;
    if (applyPeerUpdate(state.replica, update)) noteChange(state);
  } catch (error) {
    state.drops.drop("malformed", { problem: errorText(error) });
    // Edits that came after the last write are lost here, and come back with the next synchronization.
    state.replica = createReplica(state.good);
    noteChange(state);
  }
}

function fits(state: StoreState, update: Uint8Array): boolean {
  if (state.bytes + update.length <= DOCUMENT_BYTES_MAX) return true;
  state.bytes = encodeReplica(state.replica).length;
  return state.bytes + update.length <= DOCUMENT_BYTES_MAX;
}

function synchronizeOnce(state: StoreState, peer: string): Promise<void> {
  const running = state.synchronizing.get(peer);
  if (running !== undefined) return running;
  const job = synchronize(state, peer).finally(() => state.synchronizing.delete(peer));
  state.synchronizing.set(peer, job);
  return job;
}

/**
 * The side that asks. Frames: own state vector; what it lacks and the other's state vector; what the other
 * lacks; an empty one when that is merged.
 */
async function synchronize(state: StoreState, peer: string): Promise<void> {
  const frames = await state.options.network.open(peer);
  try {
    await frames.write(stateVector(state.replica));
    takeUpdate(state, await frames.read());
    await frames.write(missingFor(state.replica, await frames.read()));
    await frames.read();
    await frames.close();
  } catch (error) {
    frames.abort(errorText(error));
    throw error;
  }
}

/** The side that is asked. */
async function serve(state: StoreState, frames: Frames): Promise<void> {
  const missing = missingFor(state.replica, await frames.read());
  await frames.write(missing);
  await frames.write(stateVector(state.replica));
  takeUpdate(state, await frames.read());
  await frames.write(DONE);
  await frames.close();
}

async function close(state: StoreState): Promise<void> {
  state.closed = true;
  clearTimeout(state.saveTimer);
  try {
    await enqueue(state, () => save(state));
  } catch (error) {
    state.notices.warn({ problem: errorText(error) }, "cannot save the cluster document");
  }
}
