/**
 * The replicated cluster document: edits are on this node's disk before they are acknowledged, then told to
 * every peer; what a peer missed is exchanged when the two meet (anti-entropy).
 */
import type { ClusterDocument, Edit, NodeId } from "../../core/document/document.ts";
import type { EditOptions, EditReceipt } from "../../core/document/document_orders.ts";
import type { DocumentStore } from "../../ports.ts";
import type { SkippedEntry } from "./document_content.ts";
import { Confirmations } from "./document_confirm.ts";
import { refuse } from "./document_edit.ts";
import { changesInTurns, prepareInTurns } from "./document_prepare.ts";
import { updateProblem } from "./document_gate.ts";
import { DocumentFile } from "./document_file.ts";
import {
  DOCUMENT_BYTES_MAX,
  DOCUMENT_BYTES_TOLD,
  type DocumentNetwork,
} from "./document_network.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  BadUpdate,
  type Replica,
  stateVector,
} from "./document_replica.ts";
import { completes, encodeInSlices, missingChunk } from "./document_slices.ts";
import { createDropCounter, type DropCounter } from "../log/drop_counter.ts";
import type { Frames } from "../gossip/frames.ts";
import { errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import type { StateFolder } from "../files/state_folder.ts";
import { realTimers, type Timers } from "../process/timers.ts";

/** Time after which edits of peers are on disk, ms: a burst is one write. */
const SAVE_DELAY_MS = 500;
/** Time between attempts when the disk refuses, ms. */
const SAVE_RETRY_MS = 5_000;
/** Rounds of one synchronization, each with one piece of the document each way: enough for the largest one, twice. */
const ROUNDS_MAX = 1_024;
const DONE = new Uint8Array(0);
/** An update without anything in it: it tells how many peers are there. */
const NO_UPDATE = Uint8Array.of(0, 0);

/** Why something from a peer is dropped. `entry`: a part of the content that is not valid. */
export type DocumentDrop = "size" | "malformed" | "entry";

/** How to open the store. */
export interface DocumentStoreOptions {
  readonly folder: StateFolder;
  readonly network: DocumentNetwork;
  /** The content has changed, by an edit here or by a peer's. */
  readonly onChange: () => void;
  readonly notices?: Notices;
  /** Left out: the event loop's. */
  readonly timers?: Timers;
  /** Wall clock, ms since 1970, for the history. Left out: the machine's. */
  readonly wallMs?: () => number;
}

/** The open store. */
export interface OpenDocumentStore extends DocumentStore {
  /** What was dropped, by reason. */
  dropped(): ReadonlyMap<DocumentDrop, number>;
}

interface StoreState {
  readonly options: DocumentStoreOptions;
  readonly notices: Notices;
  readonly timers: Timers;
  readonly drops: DropCounter<DocumentDrop>;
  readonly file: DocumentFile;
  readonly synchronizing: Map<string, Promise<void>>;
  replica: Replica;
  /** What peers have changed and the disk does not have yet, and its size in bytes. */
  unsaved: Uint8Array[];
  unsavedBytes: number;
  /** The content to show while an edit is merged piece by piece. */
  shown: ClusterDocument | undefined;
  /** Entries left out that were told. */
  told: ReadonlySet<string>;
  /** Calls off the next saving, when one is to come. */
  cancelSave: (() => void) | undefined;
  /** Writes and edits, one after the other. */
  queue: Promise<unknown>;
  /** The writing of the whole replica, while there is one. It goes on beside the queue. */
  compaction: Promise<void> | undefined;
  readonly confirmations: Confirmations;
  closed: boolean;
}

/** Opens the store from the state folder. Throws a Refusal when the folder cannot be read. */
export function openDocumentStore(options: DocumentStoreOptions): OpenDocumentStore {
  const { notices = NO_NOTICES, timers = realTimers } = options;
  const file = new DocumentFile(options.folder, notices, timers);
  const state: StoreState = {
    options,
    notices,
    timers,
    drops: createDropCounter({ notices, what: "parts of the cluster document" }),
    file,
    synchronizing: new Map(),
    replica: file.load(),
    unsaved: [],
    unsavedBytes: 0,
    shown: undefined,
    told: new Set(),
    cancelSave: undefined,
    queue: Promise.resolve(),
    compaction: undefined,
    closed: false,
    confirmations: new Confirmations((peer) => confirm(state, peer), timers),
  };
  if (file.isDamaged) saveLater(state, 0);
  options.network.attach({
    update: (update) => void takeUpdate(state, update),
    serve: (frames) => serve(state, frames),
  });
  return {
    lost: file.lost,
    current: () => state.shown ?? readContent(state),
    digest: () => state.replica.digest.value(),
    edit: (edits, options = {}) => enqueue(state, () => edit(state, edits, options)),
    history: () => state.replica.history.read(),
    synchronize: (peer) => synchronizeOnce(state, peer),
    dropped: () => state.drops.counts(),
    close: () => close(state),
  };
}

function readContent(state: StoreState): ClusterDocument {
  const { document, skipped } = state.replica.content.read();
  if (skipped.length > 0 || state.told.size > 0) tellSkipped(state, skipped);
  const bytes = bytesOf(state);
  return bytes < DOCUMENT_BYTES_TOLD
    ? document
    : { ...document, crowded: { bytes, max: DOCUMENT_BYTES_MAX } };
}

/** Tells of entries that are left out, each once. */
function tellSkipped(state: StoreState, skipped: readonly SkippedEntry[]): void {
  const told = new Set<string>();
  for (const entry of skipped) {
    const text = `${entry.part} ${entry.key} ${entry.problem}`;
    if (!state.told.has(text)) state.drops.drop("entry", entry);
    told.add(text);
  }
  state.told = told;
}

/** Runs jobs one after the other; a job that fails does not stop the next. */
function enqueue<Result>(state: StoreState, job: () => Promise<Result>): Promise<Result> {
  const result = state.queue.then(job);
  state.queue = result.catch(() => {});
  return result;
}

/** On disk first, then merged here, then told: what the disk refuses is nowhere else. */
async function edit(
  state: StoreState,
  edits: readonly Edit[],
  { base, note }: EditOptions,
): Promise<EditReceipt> {
  const changes = await changesInTurns(readContent(state), edits, state.timers);
  if (base !== undefined && base !== state.replica.digest.value()) {
    throw refuse("it has changed meanwhile", "look at it once more, and try again");
  }
  const storedBy = (peers: readonly NodeId[]) => state.confirmations.storedBy(peers);
  const { wallMs = Date.now } = state.options;
  const { whole, pieces } = await prepareInTurns(state.replica, edits, {
    remember: note === undefined ? undefined : { note, changes, wallMs: wallMs() },
    fits: (update) => fits(state, update),
    timers: state.timers,
  });
  if (whole === null) return { sentTo: await state.options.network.publish(NO_UPDATE), storedBy };
  // A refused edit that reached the disk after all is gone from there with the next write, which replaces the journal:
  // so the next edit can have its place in the order of this writer's edits.
  await append(state, [whole]);
  await merge(state, pieces);
  state.options.onChange();
  let sentTo = Infinity;
  for (const piece of pieces) {
    sentTo = Math.min(sentTo, await state.options.network.publish(piece));
  }
  return { sentTo, storedBy };
}

/** Merges an own edit. What is read meanwhile is as it was before: an edit is seen as a whole. */
async function merge(state: StoreState, pieces: readonly Uint8Array[]): Promise<void> {
  if (pieces.length > 1) state.shown = readContent(state);
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await state.timers.turn();
    applyOwnUpdate(state.replica, piece);
  }
  state.shown = undefined;
}

/** Puts what peers have changed so far on disk, and these updates behind it: they may build on it. */
async function append(state: StoreState, updates: readonly Uint8Array[]): Promise<void> {
  // More may come while the disk works.
  const saved = [...state.unsaved];
  await state.file.append([...saved, ...updates]);
  state.unsaved = state.unsaved.slice(saved.length);
  state.unsavedBytes = state.unsaved.reduce((sum, update) => sum + update.length, 0);
  if (state.file.isLong) void compact(state);
}

/** Writes the whole replica and empties the journal. Never rejects. */
function compact(state: StoreState): Promise<void> {
  state.compaction ??= compactNow(state)
    .catch((error) =>
      state.notices.warn({ problem: errorText(error) }, "cannot shorten the journal")
    )
    .finally(() => state.compaction = undefined);
  return state.compaction;
}

async function compactNow(state: StoreState): Promise<void> {
  const { file } = state;
  // In the queue no edit is in the journal and not yet in the replica.
  const { replica, saved, encoded } = await enqueue(state, () => {
    const { replica } = state;
    return Promise.resolve({
      replica,
      saved: file.length,
      encoded: encodeInSlices(replica.doc, state.timers),
    });
  });
  const pieces = await encoded;
  // A replica that was replaced meanwhile was damaged.
  if (state.replica !== replica) return;
  await file.writeReplica(pieces);
  await enqueue(state, () => file.forget(saved));
}

function saveLater(state: StoreState, delayMs: number): void {
  if (state.closed) return;
  state.cancelSave ??= state.timers.after(delayMs, () => {
    state.cancelSave = undefined;
    void enqueue(state, () => save(state)).catch((error) => {
      state.notices.warn({ problem: errorText(error) }, "cannot save the cluster document");
      saveLater(state, SAVE_RETRY_MS);
    });
  });
}

async function save(state: StoreState): Promise<void> {
  if (state.unsaved.length > 0 || state.file.isDamaged) await append(state, []);
}

/** Merges what a peer sent, and drops what cannot be merged. True when something has changed. */
function takeUpdate(state: StoreState, update: Uint8Array): boolean {
  if (!fits(state, update)) {
    state.drops.drop("size", { bytes: update.length });
    return false;
  }
  try {
    const problem = updateProblem(update);
    if (problem !== null) throw new BadUpdate(problem, false);
    const changes = applyPeerUpdate(state.replica, update);
    if (changes.length === 0) return false;
    for (const change of changes) {
      state.unsaved.push(change);
      state.unsavedBytes += change.length;
    }
    // Who has lost it goes on with what peers send, so it has to be here again.
    saveLater(state, state.file.lost === null ? SAVE_DELAY_MS : 0);
  } catch (error) {
    state.drops.drop("malformed", { problem: errorText(error) });
    if (!(error instanceof BadUpdate) || !error.damaging) return false;
    loadAgain(state);
  }
  state.options.onChange();
  return true;
}

/** Makes the replica anew, of what was merged before it was damaged. */
function loadAgain(state: StoreState): void {
  try {
    state.replica = state.file.load(state.unsaved);
  } catch (error) {
    state.notices.warn({ problem: errorText(error) }, "cannot read the cluster document again");
  }
}

/** Whether the document stays within its limit with this update, by an upper estimate of its size. */
function fits(state: StoreState, update: Uint8Array): boolean {
  if (bytesOf(state) + update.length <= DOCUMENT_BYTES_MAX) return true;
  // Written as a whole, the document is smaller: of entries that were replaced nothing is left.
  if (state.file.length > 0) void compact(state);
  return false;
}

/** An upper estimate of the document's size. */
function bytesOf({ file, unsavedBytes }: StoreState): number {
  return file.bytes + unsavedBytes;
}

function synchronizeOnce(state: StoreState, peer: NodeId): Promise<void> {
  const running = state.synchronizing.get(peer);
  if (running !== undefined) return running;
  const job = synchronize(state, peer).finally(() => state.synchronizing.delete(peer));
  state.synchronizing.set(peer, job);
  return job;
}

/** Exchanges piece by piece, so that no piece holds up anything on either side. */
async function synchronize(state: StoreState, peer: NodeId): Promise<void> {
  let before: Round | undefined;
  for (let count = 0; count < ROUNDS_MAX; count++) {
    const round = await exchange(state, peer);
    // What the other side does not merge would be sent for ever.
    const receiving = !round.receivedAll && !equal(before?.own, round.own);
    const sending = !round.sentAll && !equal(before?.theirs, round.theirs);
    if (!receiving && !sending) return;
    before = round;
    await state.timers.turn();
  }
}

/** Gives a peer what it lacks of what this node has now; resolves when the peer has it on its disk. */
async function confirm(state: StoreState, peer: NodeId): Promise<void> {
  for (let count = 0; count < ROUNDS_MAX; count++) {
    const { sentAll } = await exchange(state, peer);
    if (sentAll) return;
    await state.timers.turn();
  }
  throw new Error(`${peer} does not take what it is sent`);
}

/** What came of one round; state vectors are those of its beginning. */
interface Round {
  readonly own: Uint8Array;
  readonly theirs: Uint8Array;
  readonly receivedAll: boolean;
  readonly sentAll: boolean;
}

/**
 * One round of the side that asks. Frames: own state vector; what it lacks, or the first of it, and the other's
 * state vector; what the other lacks, or the first of it; an empty one when that is merged, and on disk too if it was
 * all there was.
 */
async function exchange(state: StoreState, peer: NodeId): Promise<Round> {
  const frames = await state.options.network.open(peer);
  try {
    const own = stateVector(state.replica);
    await frames.write(own);
    const received = await frames.read();
    takeUpdate(state, received);
    const theirs = await frames.read();
    const receivedAll = completes({ own, received, theirs });
    const { update, complete } = missingChunk(state.replica.doc, theirs);
    await frames.write(update);
    await frames.read();
    await frames.close();
    return { own, theirs, receivedAll, sentAll: complete };
  } catch (error) {
    frames.abort(errorText(error));
    throw error;
  }
}

/** The side that is asked. */
async function serve(state: StoreState, frames: Frames): Promise<void> {
  const theirs = await frames.read();
  const { update } = missingChunk(state.replica.doc, theirs);
  await frames.write(update);
  const own = stateVector(state.replica);
  await frames.write(own);
  const received = await frames.read();
  takeUpdate(state, received);
  // Who asks may tell an operator that this node has it. Pieces in between are saved with the next burst.
  if (completes({ own, received, theirs })) await enqueue(state, () => save(state));
  await frames.write(DONE);
  await frames.close();
}

function equal(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.from(a).equals(b);
}

async function close(state: StoreState): Promise<void> {
  state.closed = true;
  state.cancelSave?.();
  try {
    await enqueue(state, () => save(state));
  } catch (error) {
    state.notices.warn({ problem: errorText(error) }, "cannot save the cluster document");
  }
  await state.compaction;
}
