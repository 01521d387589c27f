/**
 * Updates written by hand, in the first version of Yjs's format (yjs, README.md and src/utils/encoding.js): runs
 * of inserted structs, one per writer, and then the ranges that are removed. By this an edit is known in full before
 * any replica has it, and a large replica is written in pieces.
 */
import * as Y from "yjs";

/** What a writer inserted: an item, or the trace of one. */
export type Struct = Y.Item | Y.GC;

/** A range of a writer's items, by their clocks. */
export interface Range {
  readonly clock: number;
  readonly len: number;
}

/** Structs of one writer without a gap, encoded. */
export interface Run {
  readonly client: number;
  /** Clock of the first. */
  readonly clock: number;
  readonly count: number;
  readonly bytes: readonly Uint8Array[];
}

/** Ranges of removed items by writer, sorted. */
export type Removed = ReadonlyMap<number, readonly Range[]>;

/** Puts an update together, as pieces that follow each other. At most one run per writer. */
export function updateParts(runs: readonly Run[], removed: Removed): Uint8Array[] {
  const parts = [numbers(runs.length)];
  for (const { client, clock, count, bytes } of runs) {
    parts.push(numbers(count, client, clock), ...bytes);
  }
  return [...parts, removedBytes(removed)];
}

/** As {@link updateParts}, in one piece. */
export function writeUpdate(runs: readonly Run[], removed: Removed): Uint8Array {
  return joinBytes(updateParts(runs, removed));
}

/** Puts pieces behind each other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Encodes structs; of the first one what comes before `clock` is left out. */
export function structBytes(structs: readonly Struct[], clock: number): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  for (const struct of structs) struct.write(encoder, Math.max(0, clock - struct.id.clock));
  return encoder.toUint8Array();
}

/** Adds a range behind those that are there; one that begins where the last ends is joined to it. */
export function addRange(removed: Map<number, Range[]>, client: number, range: Range): void {
  const ranges = removed.get(client) ?? [];
  const last = ranges.at(-1);
  if (last !== undefined && last.clock + last.len === range.clock) {
    ranges[ranges.length - 1] = { clock: last.clock, len: last.len + range.len };
  } else {
    ranges.push(range);
  }
  removed.set(client, ranges);
}

function removedBytes(removed: Removed): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  encoder.writeLen(removed.size);
  for (const [client, ranges] of removed) {
    encoder.writeClient(client);
    encoder.writeLen(ranges.length);
    for (const { clock, len } of ranges) {
      encoder.writeDsClock(clock);
      encoder.writeDsLen(len);
    }
  }
  return encoder.toUint8Array();
}

function numbers(...values: readonly number[]): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  for (const value of values) encoder.writeLen(value);
  return encoder.toUint8Array();
}
