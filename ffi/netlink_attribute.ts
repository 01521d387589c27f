/**
 * Netlink attributes (struct nlattr, linux/netlink.h): 16 bits of length with this header, 16 bits of
 * type, the value, padding to four bytes. Attributes nest.
 */
import { readU16 } from "./bytes.ts";

const ATTRIBUTE_HEADER_BYTES = 4;
/** NLA_F_NESTED: ipvsadm sets it on what it sends, the kernel does not on what it answers. */
const NESTED = 0x8000;
/** NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;
/** Room to begin with; one IPVS request takes 200 bytes. */
const CAPACITY_BYTES = 512;

/** Builds the payload of a message: a fixed structure, then attributes. */
export class AttributeWriter {
  #bytes = new Uint8Array(CAPACITY_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Appends the fixed structure that precedes the attributes, padded to four bytes. */
  structure(bytes: Uint8Array): this {
    this.#append(bytes);
    return this;
  }

  /** Appends an attribute of raw bytes. */
  bytes(type: number, value: Uint8Array): this {
    this.#header(type, value.length);
    this.#append(value);
    return this;
  }

  /** Appends an 8-bit number. */
  u8(type: number, value: number): this {
    this.#header(type, 1);
    this.#view.setUint8(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** Appends a 16-bit number in machine order. */
  u16(type: number, value: number): this {
    this.#header(type, 2);
    this.#view.setUint16(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** Appends a 16-bit number in network order. */
  be16(type: number, value: number): this {
    this.#header(type, 2);
    this.#view.setUint16(this.#length, value, false);
    this.#length += 4;
    return this;
  }

  /** Appends a 32-bit number in machine order; negative numbers in two's complement. */
  u32(type: number, value: number): this {
    this.#header(type, 4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** Appends a text with the closing zero that the kernel's NLA_NUL_STRING policy demands. */
  text(type: number, value: string): this {
    return this.bytes(type, new TextEncoder().encode(`${value}\0`));
  }

  /** Appends an attribute that holds the attributes `body` writes. */
  nested(type: number, body: (writer: this) => void): this {
    const start = this.#length;
    this.#header(type | NESTED, 0);
    body(this);
    this.#view.setUint16(start, this.#length - start, true);
    return this;
  }

  /** What was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #header(type: number, valueBytes: number): void {
    this.#reserve(ATTRIBUTE_HEADER_BYTES + valueBytes);
    this.#view.setUint16(this.#length, ATTRIBUTE_HEADER_BYTES + valueBytes, true);
    this.#view.setUint16(this.#length + 2, type, true);
    this.#length += ATTRIBUTE_HEADER_BYTES;
  }

  #append(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += (value.length + 3) & ~3;
  }

  #reserve(bytes: number): void {
    // Seven spare bytes cover the padding of this attribute and of the number written next.
    if (this.#length + bytes + 7 <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#bytes.length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Attribute values by type. Values are views into the message. */
export type Attributes = readonly (Uint8Array | undefined)[];

/**
 * The attributes from `offset` to the end; the last of a type wins, as in the kernel's nla_parse. Stops
 * at a length that points outside: what the kernel wrote never does.
 */
export function readAttributes(bytes: Uint8Array, offset = 0): Attributes {
  const found: (Uint8Array | undefined)[] = [];
  let position = offset;
  while (position + ATTRIBUTE_HEADER_BYTES <= bytes.length) {
    const length = readU16(bytes, position);
    if (length < ATTRIBUTE_HEADER_BYTES || position + length > bytes.length) break;
    const type = readU16(bytes, position + 2) & TYPE_MASK;
    found[type] = bytes.subarray(position + ATTRIBUTE_HEADER_BYTES, position + length);
    position += (length + 3) & ~3;
  }
  return found;
}
