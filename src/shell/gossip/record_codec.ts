/**
 * Records as bytes: MessagePack without extensions, checked against the schema when they come in.
 */
import { Packr, Unpackr } from "msgpackr/pack";
import { type NodeRecord, RECORD_BYTES_MAX, recordSchema } from "../../core/cluster/record.ts";
import { isPlainMsgpack } from "./plain_msgpack.ts";

/** Why bytes are not a record. */
export type RecordProblem = "size" | "malformed" | "schema";

// No record classes, no shared structures: bytes stand for themselves and nothing is compiled from them.
const packr = new Packr({ useRecords: false, moreTypes: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });

/** Encodes a record. Throws a RangeError when it is larger than {@link RECORD_BYTES_MAX}. */
export function encodeRecord(record: NodeRecord): Uint8Array {
  const bytes = packr.pack(record);
  if (bytes.length > RECORD_BYTES_MAX) {
    throw new RangeError(`encode record: ${bytes.length} bytes, at most ${RECORD_BYTES_MAX} fit`);
  }
  // pack() may hand out a window of a large shared buffer, which must not be kept alive by a queue. Not
  // Uint8Array.from(), which asks for every byte by itself: some hundred times slower for a large record.
  return new Uint8Array(bytes);
}

/** Decodes a record, or says why the bytes are none. Never throws. */
export function decodeRecord(bytes: Uint8Array): NodeRecord | RecordProblem {
  if (bytes.length > RECORD_BYTES_MAX) return "size";
  if (!isPlainMsgpack(bytes)) return "malformed";
  let value: unknown;
  try {
    value = unpackr.unpack(bytes);
  } catch {
    return "malformed";
  }
  const parsed = recordSchema.safeParse(value);
  return parsed.success ? parsed.data : "schema";
}
