/**
 * Netlink attributes (struct nlattr, linux/netlink.h): 16 bits of length with this header, 16 bits of
 * type, the value, padding to four bytes. Attributes nest.
 */
import { readText, readU16, readU32, readU64 } from "./bytes.ts";

const ATTRIBUTE_HEADER_BYTES = 4;
/** NLA_F_NESTED: ipvsadm sets it on what it sends, the kernel does not on what it answers. */
const NESTED = 0x8000;
/** NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;
/** Room to begin with; one IPVS request takes 200 bytes. */
const CAPACITY_BYTES = 512;

/**
 * Builds the payload of a message: a fixed structure, then attributes. One writer serves many messages,
 * since a table of thousands of rows would otherwise cost as many buffers; so everything is written byte by
 * byte, and padding is written too, over the rest of the message before.
 */
export class AttributeWriter {
  #bytes = new Uint8Array(CAPACITY_BYTES);
  #length = 0;

  /** Begins a new message. */
  begin(): this {
    this.#length = 0;
    return this;
  }

  /** Appends the fixed structure that precedes the attributes, padded to four bytes. */
  structure(bytes: Uint8Array): this {
    this.#append(bytes, bytes.length);
    return this;
  }

  /** Appends an attribute of raw bytes; `length` above theirs fills it up with zeros. */
  bytes(type: number, value: Uint8Array, length: number = value.length): this {
    this.#header(type, length);
    this.#append(value, length);
    return this;
  }

  /** Appends an 8-bit number. */
  u8(type: number, value: number): this {
    this.#header(type, 1);
    this.#word(value & 0xff);
    return this;
  }

  /** Appends a 16-bit number in machine order. */
  u16(type: number, value: number): this {
    this.#header(type, 2);
    this.#word(value & 0xffff);
    return this;
  }

  /** Appends a 16-bit number in network order. */
  be16(type: number, value: number): this {
    return this.u16(type, swap16(value));
  }

  /** Appends a 32-bit number in machine order; negative numbers in two's complement. */
  u32(type: number, value: number): this {
    this.#header(type, 4);
    this.#word(value);
    return this;
  }

  /** Appends a 32-bit number in network order. */
  be32(type: number, value: number): this {
    return this.u32(type, (swap16(value) << 16) | swap16(value >>> 16));
  }

  /** Appends two 32-bit numbers in machine order as one attribute. */
  u32pair(type: number, first: number, second: number): this {
    this.#header(type, 8);
    this.#word(first);
    this.#word(second);
    return this;
  }

  /** Appends a text with the closing zero that the kernel's NLA_NUL_STRING policy demands. */
  text(type: number, value: string): this {
    return this.bytes(type, encoder.encode(`${value}\0`));
  }

  /** Appends an attribute that holds the attributes `body` writes. */
  nested(type: number, body: (writer: this) => void): this {
    const start = this.#length;
    this.#header(type | NESTED, 0);
    body(this);
    const length = this.#length - start;
    this.#bytes[start] = length;
    this.#bytes[start + 1] = length >>> 8;
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #header(type: number, valueBytes: number): void {
    this.#reserve(ATTRIBUTE_HEADER_BYTES + valueBytes);
    this.#word((ATTRIBUTE_HEADER_BYTES + valueBytes) | (type << 16));
  }

  /** Four bytes, machine order; room has been reserved. */
  #word(value: number): void {
    const bytes = this.#bytes;
    const start = this.#length;
    bytes[start] = value;
    bytes[start + 1] = value >>> 8;
    bytes[start + 2] = value >>> 16;
    bytes[start + 3] = value >>> 24;
    this.#length = start + 4;
  }

  #append(value: Uint8Array, length: number): void {
    const end = this.#length + ((length + 3) & ~3);
    this.#reserve(length);
    this.#bytes.set(value, this.#length);
    this.#bytes.fill(0, this.#length + value.length, end);
    this.#length = end;
  }

  #reserve(bytes: number): void {
    // Three spare bytes cover the padding.
    if (this.#length + bytes + 3 <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#bytes.length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

const encoder = new TextEncoder();

/** Types above this one are not read; the highest in use here is 15. */
const TYPE_READ_MAX = 31;

/**
 * Where the value of each type of attribute begins; 0 when there is none, since a header comes first. No
 * views are made: a table of ten thousand rows has half a million attributes.
 */
export type Attributes = Int32Array;

/**
 * Finds the attributes from `start` to `end`; the last of a type wins, as in the kernel's nla_parse. Stops at
 * a length that points outside: what the kernel wrote never does.
 */
export function findAttributes(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): Attributes {
  const found = new Int32Array(TYPE_READ_MAX + 1);
  let position = start;
  while (position + ATTRIBUTE_HEADER_BYTES <= end) {
    const length = readU16(bytes, position);
    if (length < ATTRIBUTE_HEADER_BYTES || position + length > end) break;
    const type = readU16(bytes, position + 2) & TYPE_MASK;
    if (type <= TYPE_READ_MAX) found[type] = position + ATTRIBUTE_HEADER_BYTES;
    position += (length + 3) & ~3;
  }
  return found;
}

/** Where the value that begins at `at` ends. */
export function endOfAttribute(bytes: Uint8Array, at: number): number {
  return at - ATTRIBUTE_HEADER_BYTES + readU16(bytes, at - ATTRIBUTE_HEADER_BYTES);
}

/** The attributes inside the one that begins at `at`; none when that is 0. */
export function findNested(bytes: Uint8Array, at: number): Attributes {
  return at === 0
    ? findAttributes(bytes, 0, 0)
    : findAttributes(bytes, at, endOfAttribute(bytes, at));
}

/** A copy of the value that begins at `at`. */
export function attributeBytes(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.slice(at, endOfAttribute(bytes, at));
}

/** The text that begins at `at`, without its closing zero; empty when `at` is 0. */
export function attributeText(bytes: Uint8Array, at: number): string {
  return at === 0 ? "" : readText(bytes, at, endOfAttribute(bytes, at));
}

/** The number of 8, 16, 32 or 64 bits, machine order, that begins at `at`; 0 when `at` is 0 or the value is too short. */
export function attributeNumber(bytes: Uint8Array, at: number, bits: 8 | 16 | 32 | 64): number {
  if (at === 0 || at + bits / 8 > endOfAttribute(bytes, at)) return 0;
  switch (bits) {
    case 8:
      return bytes[at]!;
    case 16:
      return readU16(bytes, at);
    case 32:
      return readU32(bytes, at);
    case 64:
      return readU64(bytes, at);
  }
}
