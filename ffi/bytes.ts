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

/** The text up to the first zero byte, or to the end. */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Whether both hold the same bytes. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
