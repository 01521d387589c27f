/**
 * Looks at an update of a peer byte by byte before Yjs sees it, and says what is wrong with it. Yjs takes a second
 * and more of the event loop for half a megabyte of tiny pieces, and makes types of every kind; the cluster's
 * document has maps with plain values only, and updates of a few hundred pieces.
 *
 * Yjs's first update format (yjs, src/utils/updates.js and src/structs; lib0, encoding.js, writeAny).
 */

/** Writers in one update: a piece of a synchronization has 16 KiB, and each writer takes ten bytes. */
const WRITERS_MAX = 2_048;
/** Items in one update: an edit is told in pieces of 128 entries, a piece of a synchronization has 16 KiB. */
const ITEMS_MAX = 4_096;
/** Traces of removed items and gaps in one update: they take two or three bytes each. */
const TRACES_MAX = 16_384;
/** Removed ranges in one update: the last piece of a synchronization tells all there are. */
const RANGES_MAX = 262_144;
/** Longest name of a part, and longest key in it, bytes. */
const NAME_BYTES_MAX = 1_024;
/** How deep a value may nest. */
const VALUE_DEPTH_MAX = 16;
/** Values in one update, those in lists and objects counted: of 128 entries with hundreds of fields. */
const VALUES_MAX = 131_072;

/** Bits and kinds of a struct's first byte (yjs, src/structs/Item.js). */
const KIND_BITS = 0x1f;
const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_KEY = 0x20;
const KIND_GC = 0;
const KIND_DELETED = 1;
const KIND_ANY = 8;
const KIND_SKIP = 10;

/** Types of values (lib0, encoding.js): 127 undefined, 126 null, 122 bigint, 121 false, 120 true, and so on. */
const VALUE_SIZES: ReadonlyMap<number, number> = new Map([
  [127, 0],
  [126, 0],
  [124, 4],
  [123, 8],
  [122, 8],
  [121, 0],
  [120, 0],
]);
const VALUE_INTEGER = 125;
const VALUE_STRING = 119;
const VALUE_OBJECT = 118;
const VALUE_ARRAY = 117;

/** Says what is wrong with the update; null when Yjs may have it. Never throws. */
export function updateProblem(update: Uint8Array): string | null {
  const walk = new UpdateWalk(update);
  try {
    walk.structs();
    walk.removed();
    walk.end();
    return null;
  } catch (error) {
    if (error instanceof UpdateProblem) return error.message;
    throw error;
  }
}

class UpdateProblem extends Error {}

/** Goes through an update once. */
class UpdateWalk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #items = 0;
  #traces = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  structs(): void {
    const writers = this.#count(WRITERS_MAX, "writers");
    for (let writer = 0; writer < writers; writer++) {
      const structs = this.#count(ITEMS_MAX + TRACES_MAX, "pieces");
      this.#number();
      this.#number();
      for (let index = 0; index < structs; index++) this.#struct();
    }
  }

  removed(): void {
    const writers = this.#count(RANGES_MAX, "removed ranges");
    let ranges = 0;
    for (let writer = 0; writer < writers; writer++) {
      this.#number();
      const more = this.#count(RANGES_MAX, "removed ranges");
      ranges += more;
      if (ranges > RANGES_MAX) {
        throw new UpdateProblem(`has more than ${RANGES_MAX} removed ranges`);
      }
      for (let index = 0; index < 2 * more; index++) this.#number();
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new UpdateProblem("goes on behind its end");
  }

  #struct(): void {
    const info = this.#byte();
    const kind = info & KIND_BITS;
    if (kind === KIND_GC || kind === KIND_SKIP) {
      if (++this.#traces > TRACES_MAX) {
        throw new UpdateProblem(`has more than ${TRACES_MAX} traces`);
      }
      this.#number();
      return;
    }
    if (++this.#items > ITEMS_MAX) throw new UpdateProblem(`has more than ${ITEMS_MAX} items`);
    if ((info & HAS_ORIGIN) !== 0) this.#id();
    if ((info & HAS_RIGHT_ORIGIN) !== 0) this.#id();
    if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0) this.#parent((info & HAS_KEY) !== 0);
    this.#content(kind);
  }

  /** Only maps by name: an item inside another one has no place in this document. */
  #parent(hasKey: boolean): void {
    if (this.#number() !== 1) throw new UpdateProblem("nests one type in another");
    this.#text(NAME_BYTES_MAX);
    if (!hasKey) throw new UpdateProblem("has an item without a key");
    this.#text(NAME_BYTES_MAX);
  }

  #content(kind: number): void {
    if (kind === KIND_DELETED) return void this.#number();
    if (kind !== KIND_ANY) throw new UpdateProblem(`has content of kind ${kind}`);
    const values = this.#count(VALUES_MAX, "values");
    for (let index = 0; index < values; index++) this.#value(0);
  }

  #value(depth: number): void {
    if (++this.#values > VALUES_MAX) throw new UpdateProblem(`has more than ${VALUES_MAX} values`);
    if (depth > VALUE_DEPTH_MAX) {
      throw new UpdateProblem(`has a value deeper than ${VALUE_DEPTH_MAX}`);
    }
    const type = this.#byte();
    const size = VALUE_SIZES.get(type);
    if (size !== undefined) return this.#skip(size);
    if (type === VALUE_INTEGER) return this.#integer();
    if (type === VALUE_STRING) return this.#text(Infinity);
    if (type !== VALUE_OBJECT && type !== VALUE_ARRAY) {
      throw new UpdateProblem(`has a value of type ${type}`);
    }
    const members = this.#count(VALUES_MAX, "values");
    for (let index = 0; index < members; index++) {
      if (type === VALUE_OBJECT) this.#text(NAME_BYTES_MAX);
      this.#value(depth + 1);
    }
  }

  #id(): void {
    this.#number();
    this.#number();
  }

  #count(max: number, what: string): number {
    const count = this.#number();
    if (count > max) throw new UpdateProblem(`has more than ${max} ${what}`);
    return count;
  }

  /** A number of seven bits a byte, the lowest first, within what a double holds exactly. */
  #number(): number {
    let value = 0;
    for (let factor = 1;; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw new UpdateProblem("has a number out of range");
      if (byte < 0x80) return value;
    }
  }

  /** A signed number: what it is does not matter, only where it ends. */
  #integer(): void {
    for (let count = 0; count < 9; count++) if (this.#byte() < 0x80) return;
    throw new UpdateProblem("has a number out of range");
  }

  #text(bytesMax: number): void {
    const length = this.#number();
    if (length > bytesMax) throw new UpdateProblem(`has a name longer than ${bytesMax} bytes`);
    this.#skip(length);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new UpdateProblem("breaks off");
    this.#at++;
    return byte;
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#at) throw new UpdateProblem("breaks off");
    this.#at += length;
  }
}
