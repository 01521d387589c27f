/**
 * Tells whether bytes are plain MessagePack: null, booleans, numbers, strings, arrays, and maps with string
 * keys. Looked at before a general decoder sees what a peer sent: such decoders also make dates, sets,
 * regular expressions, errors and compiled record classes when the bytes ask for them.
 */
import { SERVICES_MAX } from "../../core/limits.ts";

/** How deep plain data may nest. A record needs four levels; recursion beyond is an attack on the stack. */
const DEPTH_MAX = 8;

/** Values in one message, keys counted: a record with every verdict at its longest has some 120,000. */
const VALUES_MAX = 131_072;
/** Entries of one container: nothing in a record has more than the cluster has services. */
const ITEMS_MAX = 2 * SERVICES_MAX;

/** What one value is made of (MessagePack specification, "Formats"). */
interface Shape {
  /** Bytes of head and body, without the items of a container. */
  readonly size: number;
  /** Values inside: 0 for a scalar, n for an array, 2n for a map. */
  readonly items: number;
  readonly kind: "string" | "scalar" | "array" | "map";
}

/** See the head of this file. True only when the bytes are exactly one value. Never throws. */
export function isPlainMsgpack(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const open: { left: number; readonly map: boolean }[] = [];
  let offset = 0;
  let values = 0;
  do {
    const shape = readShape(view, offset);
    if (shape === undefined || offset + shape.size > bytes.length) return false;
    if (shape.items > ITEMS_MAX || ++values > VALUES_MAX) return false;
    const parent = open.at(-1);
    if (parent !== undefined) {
      const isKey = parent.map && parent.left % 2 === 0;
      if (isKey && (shape.kind !== "string" || isForbiddenKey(bytes, offset, shape.size))) {
        return false;
      }
      parent.left--;
    }
    offset += shape.size;
    if (shape.items > 0) open.push({ left: shape.items, map: shape.kind === "map" });
    if (open.length > DEPTH_MAX) return false;
    while (open.at(-1)?.left === 0) open.pop();
  } while (open.length > 0);
  return offset === bytes.length;
}

/** A key that would set an object's prototype. */
function isForbiddenKey(bytes: Uint8Array, offset: number, size: number): boolean {
  const text = "__proto__";
  const start = offset + size - text.length;
  if (start <= offset) return false;
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function readShape(view: DataView, offset: number): Shape | undefined {
  const left = view.byteLength - offset;
  if (left < 1) return undefined;
  const type = view.getUint8(offset);
  if (type <= 0x7f || type >= 0xe0) return scalar(1);
  if (type <= 0x8f) return container("map", 1, type & 0x0f);
  if (type <= 0x9f) return container("array", 1, type & 0x0f);
  if (type <= 0xbf) return string(1, type & 0x1f);
  const scalarSize = SCALAR_SIZES.get(type);
  if (scalarSize !== undefined) return scalar(scalarSize);
  const length = readLength(view, offset, type);
  if (length === undefined) return undefined;
  const { head, count } = length;
  if (type <= 0xdb) return string(head, count);
  return container(type <= 0xdd ? "array" : "map", head, count);
}

/** nil, false, true, float32, float64, uint8 to uint64, int8 to int64. Binary (0xc4 to 0xc6) and extensions are not plain. */
const SCALAR_SIZES: ReadonlyMap<number, number> = new Map([
  [0xc0, 1],
  [0xc2, 1],
  [0xc3, 1],
  [0xca, 5],
  [0xcb, 9],
  [0xcc, 2],
  [0xcd, 3],
  [0xce, 5],
  [0xcf, 9],
  [0xd0, 2],
  [0xd1, 3],
  [0xd2, 5],
  [0xd3, 9],
]);

function readLength(
  view: DataView,
  offset: number,
  type: number,
): { head: number; count: number } | undefined {
  const left = view.byteLength - offset;
  if (type === 0xd9 && left >= 2) return { head: 2, count: view.getUint8(offset + 1) };
  if ((type === 0xda || type === 0xdc || type === 0xde) && left >= 3) {
    return { head: 3, count: view.getUint16(offset + 1) };
  }
  if ((type === 0xdb || type === 0xdd || type === 0xdf) && left >= 5) {
    return { head: 5, count: view.getUint32(offset + 1) };
  }
  return undefined;
}

function scalar(size: number): Shape {
  return { size, items: 0, kind: "scalar" };
}

function string(head: number, length: number): Shape {
  return { size: head + length, items: 0, kind: "string" };
}

function container(kind: "array" | "map", head: number, count: number): Shape {
  return { size: head, items: kind === "map" ? 2 * count : count, kind };
}
