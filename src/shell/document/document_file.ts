/**
 * The cluster document on disk, in two files: `document.bin`, a checksum and a whole replica, replaced now and then;
 * and `document.journal`, what has changed since, to which every edit is added. Updates can be merged twice and in any
 * order, so it does no harm when a power cut leaves a journal beside a replica that has it already.
 */
import { createHash } from "node:crypto";
import { decodeJournal, encodeJournal, encodeRecords } from "./document_journal.ts";
import { createReplica, type Replica } from "./document_replica.ts";
import { joinBytes } from "./document_update.ts";
import { errorText, NO_NOTICES, type Notices } from "../log/notices.ts";
import { JOURNAL_FILE, REPLICA_FILE } from "../files/state_files.ts";
import type { StateFolder } from "../files/state_folder.ts";
import { newerFormat } from "../files/state_json.ts";
import { realTimers, type Timers } from "../process/timers.ts";

/** "TRD2": a troop document, version 2: values have keys of their own, see written_values.ts. The checksum is over it, too. */
const MAGIC = Uint8Array.of(0x54, 0x52, 0x44, 0x32);
/** "TRD1": values are overwritten, and the checksum is over the state only. */
const EARLIER_MAGIC = Uint8Array.of(0x54, 0x52, 0x44, 0x31);
const CHECKSUM_BYTES = 32;
const HEAD_BYTES = MAGIC.length + CHECKSUM_BYTES;
/** Journal from which on the whole replica is written anew, bytes: some thousand edits, merged in a moment at the next start. */
export const JOURNAL_BYTES_MAX = 524_288;
/** What a version after this one would begin with. */
const MAGIC_OF_LATER = /^TRD([3-9])/;
/** Bytes summed up at once, so that nothing else waits. */
const CHECKSUM_PIECE_BYTES = 1_048_576;

/** The two files of one state folder. One call at a time, but for those that say otherwise. */
export class DocumentFile {
  readonly #folder: StateFolder;
  readonly #timers: Timers;
  /** What the journal has, in order: to be written anew when its end is in doubt, and to start from. */
  #updates: Uint8Array[];
  /** Whether the journal on disk is just that, so that more can be put behind it. */
  #intact: boolean;
  #replicaBytes = 0;
  #journalBytes = 0;

  /** Reads the files. Throws a Refusal when they cannot be read; what cannot be understood is set aside. */
  constructor(
    folder: StateFolder,
    notices: Notices = NO_NOTICES,
    timers: Timers = realTimers,
  ) {
    this.#folder = folder;
    this.#timers = timers;
    const journal = readJournal(folder, notices);
    this.#updates = [...journal.updates];
    this.#intact = journal.intact;
    this.#journalBytes = sizeOf(this.#updates);
  }

  /** Bytes of both, about. */
  get bytes(): number {
    return this.#replicaBytes + this.#journalBytes;
  }

  /** What was there and is lost to this node, in words; null: nothing. */
  get lost(): string | null {
    const names = [REPLICA_FILE, JOURNAL_FILE].filter((name) => this.#folder.wasLost(name));
    return names.length === 0 ? null : `${names.join(" and ")} could not be read`;
  }

  /** Whether the journal is so long that the whole replica should be written. */
  get isLong(): boolean {
    return this.#journalBytes > JOURNAL_BYTES_MAX;
  }

  /** Whether the journal must be written anew to be what was read from it. */
  get isDamaged(): boolean {
    return !this.#intact && this.#updates.length > 0;
  }

  /** How many updates the journal has. */
  get length(): number {
    return this.#updates.length;
  }

  /** The replica on disk, and `more` that is not there yet. Takes long for a large document: for starting, and after damage. */
  load(more: readonly Uint8Array[] = []): Replica {
    const whole = this.#readReplica();
    try {
      return createReplica([...whole, ...this.#updates, ...more], this.#timers);
    } catch (error) {
      // The checksums are right, so what was written was no update to begin with.
      const journalIsBad = mergeable(whole);
      this.#folder.setAside(journalIsBad ? JOURNAL_FILE : REPLICA_FILE, errorText(error));
      if (journalIsBad) this.#updates = [];
      this.#intact = false;
      return journalIsBad || mergeable(this.#updates)
        ? createReplica([...(journalIsBad ? whole : []), ...this.#updates], this.#timers)
        : createReplica([], this.#timers);
    }
  }

  /** Adds updates to the journal; resolves when they are on disk. Rejects with a Refusal when the disk refuses. */
  async append(updates: readonly Uint8Array[]): Promise<void> {
    const intact = this.#intact;
    this.#intact = false;
    if (intact) await this.#folder.append(JOURNAL_FILE, encodeRecords(updates));
    else await this.#folder.write(JOURNAL_FILE, encodeJournal([...this.#updates, ...updates]));
    this.#intact = true;
    for (const update of updates) this.#updates.push(update);
    this.#journalBytes += sizeOf(updates);
  }

  /** Replaces the whole replica, given in pieces. The journal may be added to meanwhile. */
  async writeReplica(pieces: readonly Uint8Array[]): Promise<void> {
    const state = joinBytes(pieces);
    const hash = createHash("sha256").update(MAGIC);
    for (let at = 0; at < state.length; at += CHECKSUM_PIECE_BYTES) {
      hash.update(state.subarray(at, at + CHECKSUM_PIECE_BYTES));
      await this.#timers.turn();
    }
    await this.#folder.write(REPLICA_FILE, joinBytes([MAGIC, hash.digest(), state]));
    this.#replicaBytes = state.length;
  }

  /** Takes the first `count` updates out of the journal: the replica on disk has them. */
  async forget(count: number): Promise<void> {
    const rest = this.#updates.slice(count);
    this.#intact = false;
    await this.#folder.write(JOURNAL_FILE, encodeJournal(rest));
    this.#intact = true;
    this.#updates = rest;
    this.#journalBytes = sizeOf(rest);
  }

  #readReplica(): Uint8Array[] {
    const bytes = this.#folder.read(REPLICA_FILE);
    if (bytes === null) return [];
    const newer = newerMagic(bytes);
    if (newer !== null) throw newerFormat(REPLICA_FILE, newer);
    try {
      const state = unwrap(bytes);
      this.#replicaBytes = state.length;
      return [state];
    } catch (error) {
      // Peers have the content, and what the journal has of it waits for them.
      this.#folder.setAside(REPLICA_FILE, errorText(error));
      return [];
    }
  }
}

function readJournal(
  folder: StateFolder,
  notices: Notices,
): { readonly updates: readonly Uint8Array[]; readonly intact: boolean } {
  const bytes = folder.read(JOURNAL_FILE);
  if (bytes === null) return { updates: [], intact: false };
  const { updates, tornBytes, damaged, newer, earlier } = decodeJournal(bytes);
  if (newer !== null) throw newerFormat(JOURNAL_FILE, newer);
  if (damaged) {
    const problem = "the checksum of a record does not match";
    // What is good stands nowhere else until it is written anew, which a full disk may put off.
    if (updates.length > 0) folder.keepAside(JOURNAL_FILE, problem);
    else folder.setAside(JOURNAL_FILE, problem);
  } else if (tornBytes > 0) {
    notices.warn(
      { file: JOURNAL_FILE, bytes: tornBytes },
      "dropped an edit of the cluster document that was not written to its end",
    );
  }
  return { updates, intact: !damaged && tornBytes === 0 && !earlier };
}

function mergeable(updates: readonly Uint8Array[]): boolean {
  try {
    createReplica(updates);
    return true;
  } catch {
    return false;
  }
}

/** The version of a later form; null for a file that is of this one, or damaged. */
function newerMagic(bytes: Uint8Array): string | null {
  const version = MAGIC_OF_LATER.exec(Buffer.from(bytes.subarray(0, MAGIC.length)).toString())?.[1];
  return version === undefined || checksumIsRight(bytes) ? null : version;
}

function checksumIsRight(bytes: Uint8Array): boolean {
  const magic = bytes.subarray(0, MAGIC.length);
  const hash = createHash("sha256");
  if (!EARLIER_MAGIC.every((byte, at) => byte === magic[at])) hash.update(MAGIC);
  return hash.update(bytes.subarray(HEAD_BYTES)).digest()
    .equals(bytes.subarray(MAGIC.length, HEAD_BYTES));
}

function unwrap(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw new Error("it is empty");
  const magic = bytes.subarray(0, MAGIC.length);
  const known = [MAGIC, EARLIER_MAGIC].some((one) => Buffer.from(one).equals(magic));
  if (!known || !checksumIsRight(bytes)) {
    throw new Error("the checksum does not match");
  }
  return bytes.subarray(HEAD_BYTES);
}

function sizeOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((sum, update) => sum + update.length, 0);
}
