/**
 * Makes a message that may be wrong from one that is right: the changes that fuzzers have found to be worth it
 * (bits, bytes, lengths, cuts, repeats, and pieces of other messages).
 */
import { below, oneOf, type Random } from "./random.ts";

/** Changes made to one message at most. */
const CHANGES_MAX = 6;
/** Bytes that mean something in one format or another: ends, signs, separators, heads of lists and maps. */
const TELLING = [0, 1, 2, 3, 4, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x2d, 0x2f, 0x30, 0x39, 0x3a, 0x3d]
  .concat([
    0x5b,
    0x5d,
    0x7b,
    0x7f,
    0x80,
    0x81,
    0x8f,
    0x9f,
    0xbf,
    0xc0,
    0xc1,
    0xd9,
    0xdf,
    0xfe,
    0xff,
  ]);
/** Numbers at which fields of 16 and 32 bits overflow, or count from the end. */
const TELLING_NUMBERS = [0, 1, 3, 4, 15, 16, 17, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff]
  .concat([0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]);

type Change = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const changes: readonly Change[] = [
  (bytes, random) => withByte(bytes, random, (byte) => byte ^ (1 << below(random, 8))),
  (bytes, random) => withByte(bytes, random, () => below(random, 256)),
  (bytes, random) => withByte(bytes, random, () => oneOf(random, TELLING)),
  (bytes, random) => withByte(bytes, random, (byte) => byte + oneOf(random, [-1, 1, 16, -16])),
  (bytes, random) => withNumber(bytes, random, 2),
  (bytes, random) => withNumber(bytes, random, 4),
  (bytes, random) => bytes.slice(0, below(random, bytes.length + 1)),
  (bytes, random) => bytes.slice(below(random, bytes.length + 1)),
  (bytes, random) => splice(bytes, random, { remove: 1 + below(random, 16), put: [] }),
  (bytes, random) => {
    const put = Array.from({ length: 1 + below(random, 8) }, () => oneOf(random, TELLING));
    return splice(bytes, random, { remove: 0, put });
  },
  (bytes, random) => splice(bytes, random, { remove: 0, put: piece(bytes, random) }),
  (bytes, random, other) => splice(bytes, random, { remove: 0, put: piece(other, random) }),
  (bytes, random, other) => {
    const put = piece(other, random);
    return splice(bytes, random, { remove: put.length, put });
  },
  repeat,
];

/** One more message; never longer than `bytesMax`. */
export function mutate(
  bytes: Uint8Array,
  { random, other, bytesMax }: {
    readonly random: Random;
    /** A message to take pieces from. */
    readonly other: Uint8Array;
    readonly bytesMax: number;
  },
): Uint8Array {
  let result = bytes;
  for (let left = 1 + below(random, CHANGES_MAX); left > 0; left--) {
    result = oneOf(random, changes)(result, random, other);
    if (result.length > bytesMax) result = result.slice(0, bytesMax);
  }
  return result;
}

function withByte(
  bytes: Uint8Array,
  random: Random,
  change: (byte: number) => number,
): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(change(0));
  const result = bytes.slice();
  const at = below(random, result.length);
  result[at] = change(result[at] ?? 0);
  return result;
}

/** Puts a telling number over two or four bytes, in one order or the other. */
function withNumber(bytes: Uint8Array, random: Random, size: 2 | 4): Uint8Array {
  if (bytes.length < size) return bytes;
  const result = bytes.slice();
  const view = new DataView(result.buffer);
  const at = below(random, result.length - size + 1);
  const little = random() < 0.5;
  const value = oneOf(random, TELLING_NUMBERS);
  if (size === 2) view.setUint16(at, value, little);
  else view.setUint32(at, value, little);
  return result;
}

function piece(bytes: Uint8Array, random: Random): Uint8Array {
  const from = below(random, bytes.length + 1);
  return bytes.slice(from, from + 1 + below(random, 64));
}

function splice(
  bytes: Uint8Array,
  random: Random,
  { remove, put }: { readonly remove: number; readonly put: ArrayLike<number> },
): Uint8Array {
  const at = below(random, bytes.length + 1);
  const rest = bytes.subarray(at + remove);
  const result = new Uint8Array(at + put.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(put, at);
  result.set(rest, at + put.length);
  return result;
}

/** A piece many times over: what grows faster than its input shows then. */
function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const part = piece(bytes, random);
  const times = 2 ** below(random, 11);
  const put = new Uint8Array(part.length * times);
  for (let index = 0; index < times; index++) put.set(part, index * part.length);
  return splice(bytes, random, { remove: 0, put });
}
