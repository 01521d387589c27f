/**
 * Echo requests and what comes back: ICMP (RFC 792) and ICMPv6 (RFC 4443), as raw sockets send and receive them.
 */
import { addressBytes, type IpVersion } from "./address_family.ts";

/** Most data an echo request carries here: far below every path's MTU. */
export const ECHO_DATA_BYTES_MAX = 512;
/** Types of ICMP and of ICMPv6. */
export const icmpTypes = {
  4: { request: 8, reply: 0, unreachable: 3 },
  6: { request: 128, reply: 129, unreachable: 1 },
} as const;
/** Type, code, checksum, identifier, sequence number. */
const HEADER_BYTES = 8;
/** IPv6 (RFC 8200, 3); extension headers do not occur before an echo request of ours. */
const IPV6_HEADER_BYTES = 40;
const IPPROTO_ICMP = { 4: 1, 6: 58 } as const;

/** One echo request or reply: both are 16-bit numbers, and data that comes back as it was sent. */
export interface Echo {
  readonly id: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** What came back: a reply, or word from a router or host that `destination` could not be reached. */
export type EchoMessage =
  | ({ readonly kind: "reply" } & Echo)
  | {
    readonly kind: "unreachable";
    readonly id: number;
    readonly sequence: number;
    readonly destination: Uint8Array;
  };

/** An echo request. The kernel adds the checksum of ICMPv6, which covers addresses it chooses. */
export function encodeEchoRequest(version: IpVersion, { id, sequence, data }: Echo): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + data.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = icmpTypes[version].request;
  view.setUint16(4, id);
  view.setUint16(6, sequence);
  bytes.set(data, HEADER_BYTES);
  if (version === 4) view.setUint16(2, internetChecksum(bytes));
  return bytes;
}

/**
 * Reads what a raw socket received: with an IP header in front for IPv4 (raw(7)), without for IPv6. Undefined for
 * everything but replies and unreachable echo requests.
 */
export function decodeEchoMessage(
  version: IpVersion,
  packet: Uint8Array,
): EchoMessage | undefined {
  const message = version === 4 ? behindHeader(4, packet) : packet;
  if (message === undefined || message.length < HEADER_BYTES) return undefined;
  const { reply, unreachable } = icmpTypes[version];
  const code = message[1]!;
  if (message[0] === reply && code === 0) {
    return { kind: "reply", ...identity(message), data: message.subarray(HEADER_BYTES) };
  }
  return message[0] === unreachable
    ? decodeUnreachable(version, message.subarray(HEADER_BYTES))
    : undefined;
}

/** The packet an error is about follows the error's header: its IP header and at least 8 bytes. */
function decodeUnreachable(version: IpVersion, packet: Uint8Array): EchoMessage | undefined {
  const message = behindHeader(version, packet);
  if (message === undefined || message.length < HEADER_BYTES) return undefined;
  if (message[0] !== icmpTypes[version].request) return undefined;
  const offset = version === 4 ? 16 : 24;
  const destination = packet.slice(offset, offset + addressBytes(version));
  return { kind: "unreachable", ...identity(message), destination };
}

/** What an IP packet carries, if that is ICMP. */
function behindHeader(version: IpVersion, packet: Uint8Array): Uint8Array | undefined {
  const first = packet[0] ?? 0;
  const length = version === 4 ? (first & 0x0f) * 4 : IPV6_HEADER_BYTES;
  const protocol = packet[version === 4 ? 9 : 6];
  if (first >> 4 !== version || protocol !== IPPROTO_ICMP[version]) return undefined;
  return length < 20 || packet.length < length ? undefined : packet.subarray(length);
}

function identity(message: Uint8Array): { id: number; sequence: number } {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return { id: view.getUint16(4), sequence: view.getUint16(6) };
}

/** RFC 1071: one's complement of the one's complement sum of 16-bit words. */
function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
