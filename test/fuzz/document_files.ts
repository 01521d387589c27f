/**
 * The cluster document's two files, as a torn disk or a later version may leave one of them beside the other: read as at a
 * start, edited further, and read again. What nobody wrote is never taken, what is lost is known to be lost, and what
 * was read and edited is there the next time.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "../../src/core/refusal.ts";
import { DocumentFile } from "../../src/shell/document/document_file.ts";
import { decodeJournal, encodeJournal } from "../../src/shell/document/document_journal.ts";
import { applyOwnUpdate, type Replica } from "../../src/shell/document/document_replica.ts";
import { encodeInSlices } from "../../src/shell/document/document_slices.ts";
import { openDocumentStore } from "../../src/shell/document/document_store.ts";
import { JOURNAL_FILE, REPLICA_FILE } from "../../src/shell/files/state_files.ts";
import { NO_NOTICES } from "../../src/shell/log/notices.ts";
import { realTimers, type Timers } from "../../src/shell/process/timers.ts";
import { createMemoryNetwork } from "../shell/document/memory_network.ts";
import { putPort, putServer } from "../support/sample_service.ts";
import { bytesOf, type Decoder } from "./decoder.ts";
import { memoryFolder } from "./memory_folder.ts";

type Files = Map<string, Uint8Array>;

/** "TRD2", and a SHA-256 behind it. */
const MAGIC_BYTES = 4;
const HEAD_BYTES = MAGIC_BYTES + 32;

let writers = 0;
/**
 * Nothing is forgotten later on: all the replicas of a minute would stay for it. Writers count on, so that every run
 * begins with the same files.
 */
const timers: Timers = { ...realTimers, after: () => () => {}, writer: () => ++writers };

/** Both files as a node writes them: a replica, and edits behind it. */
async function writtenFiles(): Promise<Files> {
  const files: Files = new Map();
  const edit = async (...edits: Parameters<typeof store.edit>[0]) => void await store.edit(edits);
  const open = () =>
    openDocumentStore({
      folder: memoryFolder(files),
      network: createMemoryNetwork().join("00000000000000bb"),
      onChange: () => {},
      timers,
    });
  let store = open();
  await edit(putPort(80), putServer(80, 1));
  await edit(putPort(81));
  await store.close();
  const file = new DocumentFile(memoryFolder(files), NO_NOTICES, timers);
  await file.writeReplica(await encodeInSlices(file.load().doc));
  await file.forget(file.length);
  store = open();
  await edit(putPort(82), putServer(82, 2));
  await edit(putPort(80, "rr"));
  await edit(putServer(80, 3));
  await store.close();
  return files;
}

const good = await writtenFiles();
const replica = good.get(REPLICA_FILE)!;
const journal = good.get(JOURNAL_FILE)!;
const edits = decodeJournal(journal).updates;
/** An edit of another node's, that came after the start. */
const later = await (async () => {
  const files: Files = new Map();
  const store = openDocumentStore({
    folder: memoryFolder(files),
    network: createMemoryNetwork().join("00000000000000aa"),
    onChange: () => {},
    timers,
  });
  await store.edit([putPort(90)]);
  await store.close();
  return decodeJournal(files.get(JOURNAL_FILE)!).updates;
})();

/** What is right: as this version writes it, and as the first ones did. */
const replicas = [replica, fixture("0ca526a", REPLICA_FILE)];
const journals = [journal, fixture("d78517a", JOURNAL_FILE), encodeJournal([])];
const known = journals.map((bytes) => decodeJournal(bytes).updates);

function fixture(version: string, name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(import.meta.dir, "../fixtures/state", version, name)));
}

interface Start {
  readonly file: DocumentFile;
  readonly replica: Replica;
}

function start(files: Files): Start {
  const file = new DocumentFile(memoryFolder(files), NO_NOTICES, timers);
  return { file, replica: file.load() };
}

/** All that was decided, as text. */
function contentOf({ replica }: Start): string {
  return JSON.stringify(
    replica.content.read().document,
    (_, value: unknown) => value instanceof Map ? [...value].toSorted() : value,
  );
}

/**
 * Goes on with what the first start found: an edit, another start, all written anew, and one more start. Each is told
 * to `look` with what came before it. Nothing may be lost twice.
 */
async function goOn(
  files: Files,
  first: Start,
  look: (found: Start, after: string) => void = () => {},
): Promise<void> {
  const next = (after: string): Start => {
    const found = start(files);
    if (found.file.lost !== null) throw new Error(`after ${after} ${found.file.lost}`);
    look(found, after);
    return found;
  };
  await first.file.append(later);
  for (const update of later) applyOwnUpdate(first.replica, update);
  const second = next("an edit");
  await second.file.writeReplica(await encodeInSlices(second.replica.doc, timers));
  await second.file.forget(second.file.length);
  next("writing it anew");
}

/** The same, and what was read and edited is there each time. */
async function goOnWithAll(files: Files, first: Start): Promise<void> {
  await goOn(files, first, (found, after) => {
    if (contentOf(found) === contentOf(first)) return;
    throw new Error(`after ${after} the document is another one`);
  });
}

/** A good journal beside it. */
async function readReplica(bytes: Uint8Array): Promise<unknown> {
  const files: Files = new Map([[REPLICA_FILE, bytes], [JOURNAL_FILE, journal]]);
  const found = start(files);
  const good = replicas.findIndex((one) => equal(one, bytes));
  const content = contentOf(found);
  if ((found.file.lost === null) !== (good >= 0)) {
    throw new Error(good >= 0 ? "sets a good replica aside" : "takes for a replica what is none");
  }
  if (content !== expected[good + 1]) throw new Error("the document is another one");
  await goOnWithAll(files, found);
  return [found.file.lost, found.file.length];
}

/** What the journal says without a replica, and with each of the good ones. */
const expected = [undefined, ...replicas].map((whole) =>
  contentOf(start(
    new Map(whole === undefined ? [] : [[REPLICA_FILE, whole]]).set(JOURNAL_FILE, journal),
  ))
);

/** A good replica beside it. */
async function readJournal(bytes: Uint8Array): Promise<unknown> {
  const files: Files = new Map([[REPLICA_FILE, replica], [JOURNAL_FILE, bytes]]);
  const found = start(files);
  const { updates } = decodeJournal(bytes);
  if (updates.some((one) => !known.flat().some((other) => equal(one, other)))) {
    throw new Error("takes for an edit what is none");
  }
  // Only at the end may something be missing that was not finished.
  const whole = known.some((all) => updates.every((one, at) => equal(one, all[at])));
  if (found.file.lost === null && !whole) throw new Error("does not know that edits are lost");
  await goOnWithAll(files, found);
  return [found.file.lost, found.file.length, found.file.isDamaged];
}

/**
 * What has its checksum and was no document to begin with, in one of the files beside a good other one. What it says, if it
 * can be merged, depends on the order: it may use names of edits that others have.
 */
function readUnmergeable(name: string, wrap: (bytes: Uint8Array) => Uint8Array) {
  return async (bytes: Uint8Array) => {
    const files = new Map(good).set(name, wrap(bytes));
    const found = start(files);
    await goOn(files, found);
    return [found.file.lost, found.replica.content.read().skipped.length];
  };
}

function wrapReplica(state: Uint8Array): Uint8Array {
  const magic = replica.subarray(0, MAGIC_BYTES);
  const checksum = createHash("sha256").update(magic).update(state).digest();
  return Buffer.concat([magic, checksum, state]);
}

function equal(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

// A later version's file is refused, and left as it is.
const base = { bytesMax: 16_384, msMax: 1_000, mayThrow: [Refusal] } as const;

/** See the head of this file. */
export const documentFileDecoders: readonly Decoder[] = [
  {
    ...base,
    name: `state/${REPLICA_FILE}`,
    seeds: [...replicas, ...bytesOf("TRD3 something else")],
    run: readReplica,
  },
  {
    ...base,
    name: `state/${JOURNAL_FILE}`,
    // One with an edit that was not finished.
    seeds: [...journals, journal.slice(0, -9), ...bytesOf("TRJ3 something else")],
    run: readJournal,
  },
  {
    ...base,
    name: `state/${REPLICA_FILE}, sealed`,
    seeds: [replica.subarray(HEAD_BYTES), ...edits],
    // Yjs makes room for as many edits as the bytes say there are.
    msMax: 10_000,
    run: readUnmergeable(REPLICA_FILE, wrapReplica),
  },
  {
    ...base,
    name: `state/${JOURNAL_FILE}, sealed`,
    seeds: edits,
    msMax: 10_000,
    run: readUnmergeable(JOURNAL_FILE, (update) => encodeJournal([...edits, update])),
  },
];
