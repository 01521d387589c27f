/**
 * Numbers in byte arrays. Netlink speaks the machine's byte order, which is little-endian wherever Bun
 * runs; fields copied from packets (ports, addresses) are in network order, big-endian.
 */

/** The 16-bit number at `offset`, machine order. */
export function readU16(bytes: Uint8Array, offset = 0): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8);
}

/** The 32-bit number at `offset`, machine order. */
export function readU32(bytes: Uint8Array, offset = 0): number {
  return (readU16(bytes, offset) | (readU16(bytes, offset + 2) << 16)) >>> 0;
}

/** The signed 32-bit number at `offset`, machine order. */
export function readI32(bytes: Uint8Array, offset = 0): number {
  return readU32(bytes, offset) | 0;
}

/** The 64-bit number at `offset`, machine order; inexact from 2^53, which a byte counter reaches after 9 PB. */
export function readU64(bytes: Uint8Array, offset = 0): number {
  return readU32(bytes, offset) + readU32(bytes, offset + 4) * 0x1_0000_0000;
}

/** The 16-bit number at `offset`, network order. */
export function readBe16(bytes: Uint8Array, offset = 0): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/** The 32-bit number at `offset`, network order. */
export function readBe32(bytes: Uint8Array, offset = 0): number {
  return ((readBe16(bytes, offset) << 16) | readBe16(bytes, offset + 2)) >>> 0;
}

/** Writes a 32-bit number at `offset`, machine order. */
export function writeU32(bytes: Uint8Array, value: number, offset: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** The text from `start` to the first zero byte, or to `end`. Names in the kernel are ASCII. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let offset = start; offset < end && bytes[offset] !== 0; offset++) {
    text += String.fromCharCode(bytes[offset]!);
  }
  return text;
}
