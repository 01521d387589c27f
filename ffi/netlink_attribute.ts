/**
 * Netlink attributes (struct nlattr, linux/netlink.h): 16 bits of length with this header, 16 bits of
 * type, the value, padding to four bytes. Attributes nest.
 */
import { readBe16, readBe32, readText, readU16, readU32, readU64, writeU32 } from "./bytes.ts";

const ATTRIBUTE_HEADER_BYTES = 4;
/** NLA_F_NESTED: ipvsadm sets it on what it sends, the kernel does not on what it answers. */
const NESTED = 0x8000;
/** NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;
/** Room to begin with; one IPVS request takes 200 bytes, and up to 64 of them go together. */
const CAPACITY_BYTES = 16_384;

/**
 * Builds messages one behind the other: a fixed structure, then attributes. One writer serves for thousands
 * of messages, which would otherwise leave as many buffers to the garbage collector; so all is written
 * byte by byte into one buffer, and padding is written too, over whatever was there before.
 */
export class AttributeWriter {
  #bytes = new Uint8Array(CAPACITY_BYTES);
  #length = 0;

  /** Bytes written since the last {@link clear}. */
  get length(): number {
    return this.#length;
  }

  /** The whole buffer, of which {@link length} bytes count. Another one after the next write, perhaps. */
  get buffer(): Uint8Array {
    return this.#bytes;
  }

  /** Forgets what was written. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** Appends a 32-bit number in machine order, outside of any attribute. */
  word(value: number): this {
    this.#reserve(4);
    this.#word(value);
    return this;
  }

  /** Writes a 32-bit number in machine order over one that was written at `offset`. */
  overwrite(offset: number, value: number): void {
    writeU32(this.#bytes, value, offset);
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

  /** Begins an attribute that holds those written until {@link close} is called with the result. */
  open(type: number): number {
    const start = this.#length;
    this.#header(type | NESTED, 0);
    return start;
  }

  /** Ends the attribute that {@link open} began at `start`. */
  close(start: number): void {
    const length = this.#length - start;
    this.#bytes[start] = length;
    this.#bytes[start + 1] = length >>> 8;
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
    writeU32(this.#bytes, value, this.#length);
    this.#length += 4;
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
 * Reads attributes by type. One reader serves for thousands of messages: it holds where each value begins,
 * and makes no views, since a table of ten thousand rows has half a million attributes.
 *
 * A value that is absent, or shorter than asked for, reads as 0 or empty; {@link has} tells. Nothing outside of
 * the message is ever read.
 */
export class AttributeReader {
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where the value of each type begins; 0 when there is none, since a header comes first. */
  readonly #starts = new Int32Array(TYPE_READ_MAX + 1);

  /** Finds the attributes behind a fixed structure of `structureBytes`. */
  read(payload: Uint8Array, structureBytes: number = 0): this {
    this.#bytes = payload;
    this.#scan(structureBytes, payload.length);
    return this;
  }

  /** Finds the attributes inside one that `parent` has found; none when it has not. */
  readNested(parent: AttributeReader, type: number): this {
    this.#bytes = parent.#bytes;
    const start = parent.#starts[type]!;
    this.#scan(start, start === 0 ? 0 : parent.#end(type));
    return this;
  }

  /** Whether there is an attribute of this type. */
  has(type: number): boolean {
    return this.#starts[type] !== 0;
  }

  /** An 8-bit number. */
  u8(type: number): number {
    return this.#holds(type, 1) ? this.#bytes[this.#starts[type]!]! : 0;
  }

  /** A 16-bit number in machine order. */
  u16(type: number): number {
    return this.#holds(type, 2) ? readU16(this.#bytes, this.#starts[type]!) : 0;
  }

  /** A 16-bit number in network order. */
  be16(type: number): number {
    return this.#holds(type, 2) ? readBe16(this.#bytes, this.#starts[type]!) : 0;
  }

  /** A 32-bit number in machine order; `offset` bytes into the value. */
  u32(type: number, offset: number = 0): number {
    return this.#holds(type, offset + 4) ? readU32(this.#bytes, this.#starts[type]! + offset) : 0;
  }

  /** A 32-bit number in network order. */
  be32(type: number): number {
    return this.#holds(type, 4) ? readBe32(this.#bytes, this.#starts[type]!) : 0;
  }

  /** A 64-bit number in machine order; inexact from 2^53. */
  u64(type: number): number {
    return this.#holds(type, 8) ? readU64(this.#bytes, this.#starts[type]!) : 0;
  }

  /** A copy of the value, or of its first `length` bytes. */
  bytes(type: number, length?: number): Uint8Array {
    const start = this.#starts[type]!;
    if (start === 0) return new Uint8Array(0);
    const end = this.#end(type);
    return this.#bytes.slice(start, length === undefined ? end : Math.min(end, start + length));
  }

  /** A text without its closing zero. */
  text(type: number): string {
    return this.has(type) ? readText(this.#bytes, this.#starts[type]!, this.#end(type)) : "";
  }

  /** The last of a type wins, as in the kernel's nla_parse. Stops at a length that points outside: the kernel never writes one. */
  #scan(start: number, end: number): void {
    this.#starts.fill(0);
    let position = start;
    while (position + ATTRIBUTE_HEADER_BYTES <= end) {
      const length = readU16(this.#bytes, position);
      if (length < ATTRIBUTE_HEADER_BYTES || position + length > end) return;
      const type = readU16(this.#bytes, position + 2) & TYPE_MASK;
      if (type <= TYPE_READ_MAX) this.#starts[type] = position + ATTRIBUTE_HEADER_BYTES;
      position += (length + 3) & ~3;
    }
  }

  #end(type: number): number {
    const header = this.#starts[type]! - ATTRIBUTE_HEADER_BYTES;
    return header + readU16(this.#bytes, header);
  }

  #holds(type: number, bytes: number): boolean {
    const start = this.#starts[type]!;
    return start !== 0 && start + bytes <= this.#end(type);
  }
}
