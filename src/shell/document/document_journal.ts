/**
 * The form of the journal: a head, and behind it records of one update each, with a mark, its length and a
 * checksum. A power cut can leave the last record unfinished; damage is recognised by good records behind it, or by
 * a record that is there to its end.
 */
import { createHash } from "node:crypto";
import { joinBytes } from "./document_update.ts";

/** A version of the form. What the updates mean has changed with each, so each has a mark that others do not read. */
interface Form {
  readonly head: Uint8Array;
  /** Begins a record, so that the next one is found behind a damaged one. */
  readonly mark: Uint8Array;
}

/** "TRJ2": a journal of a troop document, version 2: values have keys of their own, see written_values.ts. */
const FORM: Form = {
  head: Uint8Array.of(0x54, 0x52, 0x4a, 0x32),
  mark: Uint8Array.of(0xf5, 0x72, 0x65, 0x64),
};
/** "TRJ1": values are overwritten. */
const EARLIER_FORM: Form = {
  head: Uint8Array.of(0x54, 0x52, 0x4a, 0x31),
  mark: Uint8Array.of(0xf5, 0x72, 0x65, 0x63),
};
/** What a version after this one would begin with. */
const HEAD_OF_LATER = /^TRJ([3-9])/;
const LENGTH_BYTES = 4;
/** Half a SHA-256: enough against chance, which is the only adversary of a disk's content. */
const CHECKSUM_BYTES = 16;
/** Zeros at the end of a whole record that mean that its last block was not written: an update ends with one or two. */
const UNWRITTEN_BYTES_MIN = 4;
const MARK_BYTES = FORM.mark.length;
const RECORD_HEAD_BYTES = MARK_BYTES + LENGTH_BYTES + CHECKSUM_BYTES;

/** What a journal has in it. */
export interface JournalContent {
  /** The updates of all good records, in order. */
  readonly updates: readonly Uint8Array[];
  /** Bytes at the end that are no whole record: an update nobody was told is saved. */
  readonly tornBytes: number;
  /**
   * Whether something else is wrong: no head, good records behind what is none, more at the end than one record, or one
   * that was written to its end and is not as it was.
   */
  readonly damaged: boolean;
  /** The version of a later form, of which nothing here can be read; null: it is of this one. */
  readonly newer: string | null;
  /** Whether it is of the earlier form: nothing of this one may be put behind it. */
  readonly earlier: boolean;
}

/** A whole journal of these updates. */
export function encodeJournal(updates: readonly Uint8Array[]): Uint8Array {
  return joinBytes([FORM.head, encodeRecords(updates)]);
}

/** Records to be put behind those that are there. */
export function encodeRecords(updates: readonly Uint8Array[]): Uint8Array {
  return joinBytes(updates.flatMap((update) => [recordHead(update, FORM), update]));
}

/** Reads a journal, as much of it as is good. */
export function decodeJournal(bytes: Uint8Array): JournalContent {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const updates: Uint8Array[] = [];
  const form = formOf(buffer);
  const headed = buffer.subarray(0, form.head.length).equals(form.head);
  let damaged = !headed;
  let end = headed ? form.head.length : 0;
  for (let at = end; at >= 0 && at < buffer.length;) {
    const update = recordAt(buffer, at, form);
    if (update === undefined) {
      at = buffer.indexOf(form.mark, at + 1);
      continue;
    }
    updates.push(update);
    if (at > end) damaged = true;
    at = end = at + RECORD_HEAD_BYTES + update.length;
  }
  const later = HEAD_OF_LATER.exec(buffer.toString("latin1", 0, form.head.length))?.[1];
  // Records of this form behind such a head: the head is damaged.
  const newer = updates.length === 0 ? later ?? null : null;
  const tail = buffer.subarray(end);
  return {
    updates,
    tornBytes: tail.length,
    damaged: damaged || !isTorn(tail, form),
    newer,
    earlier: form === EARLIER_FORM,
  };
}

/** The form of a journal, by its records where its head is damaged. */
function formOf(buffer: Buffer): Form {
  const earlier = buffer.subarray(0, EARLIER_FORM.head.length).equals(EARLIER_FORM.head) ||
    (!buffer.includes(FORM.mark) && buffer.includes(EARLIER_FORM.mark));
  return earlier ? EARLIER_FORM : FORM;
}

/** Whether bytes at the end can be what a power cut leaves of a record: a part of it, or zeros in place of its end. */
function isTorn(tail: Buffer, { mark }: Form): boolean {
  if (tail.length < RECORD_HEAD_BYTES || isZero(tail)) return true;
  if (!tail.subarray(0, MARK_BYTES).equals(mark)) return false;
  const missing = RECORD_HEAD_BYTES + tail.readUInt32LE(MARK_BYTES) - tail.length;
  return missing > 0 || (missing === 0 && isZero(tail.subarray(-UNWRITTEN_BYTES_MIN)));
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function recordAt(buffer: Buffer, at: number, form: Form): Uint8Array | undefined {
  const head = buffer.subarray(at, at + RECORD_HEAD_BYTES);
  if (head.length < RECORD_HEAD_BYTES || !head.subarray(0, MARK_BYTES).equals(form.mark)) {
    return undefined;
  }
  const start = at + RECORD_HEAD_BYTES;
  const end = start + head.readUInt32LE(MARK_BYTES);
  // Not summed up: of a file full of such heads that would take the square of its length.
  if (end > buffer.length) return undefined;
  const update = buffer.subarray(start, end);
  // The length is part of the head that is compared, so one that is damaged does not match.
  return recordHead(update, form).equals(head) ? update : undefined;
}

function recordHead(update: Uint8Array, { mark }: Form): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(update.length);
  const checksum = createHash("sha256").update(length).update(update).digest();
  return Buffer.concat([mark, length, checksum.subarray(0, CHECKSUM_BYTES)]);
}
