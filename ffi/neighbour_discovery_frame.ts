/**
 * Neighbour solicitations and advertisements (RFC 4861, sections 4.3 and 4.4), as whole Ethernet frames.
 */
import { readBe16 } from "./bytes.ts";
import { ETHERNET_HEADER_BYTES, ethernetFrame, MAC_BYTES } from "./ethernet.ts";

/** ETH_P_IPV6. */
export const ETHERTYPE_IPV6 = 0x86dd;
/** Types of ICMPv6. */
export const neighbourTypes = { solicitation: 135, advertisement: 136 } as const;
/** IPPROTO_ICMPV6. */
export const NEXT_HEADER_ICMPV6 = 58;

const IPV6_HEADER_BYTES = 40;
const ADDRESS_BYTES = 16;
/** Type, code, checksum, flags, target. */
const MESSAGE_BYTES = 24;
/** A link-layer address option: type, length in units of eight bytes, address. */
const OPTION_BYTES = 8;
const OPTION_TARGET_MAC = 2;
/** Every receiver drops a message with less: it came through a router (RFC 4861, 7.1). */
const HOP_LIMIT = 255;
/** O: replaces what the cache has. */
const FLAG_OVERRIDE = 0x2000_0000;
/** All nodes, `ff02::1`. */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
/** `::`, the sender of one who has no address yet. */
const UNSPECIFIED = new Uint8Array(ADDRESS_BYTES);

/** What matters of an advertisement. */
export interface NeighbourAdvertisement {
  /** The address that is advertised. */
  readonly target: Uint8Array;
  /** Where it is: the option's link-layer address, or the frame's sender without one. */
  readonly mac: Uint8Array;
}

/** The frame that tells everybody that `address` is at `mac`: an unsolicited advertisement that overrides caches (RFC 4861, 7.2.6). */
export function encodeUnsolicitedAdvertisement(address: Uint8Array, mac: Uint8Array): Uint8Array {
  const message = new Uint8Array(MESSAGE_BYTES + OPTION_BYTES);
  const view = new DataView(message.buffer);
  view.setUint8(0, neighbourTypes.advertisement);
  view.setUint32(4, FLAG_OVERRIDE);
  message.set(address, 8);
  message.set([OPTION_TARGET_MAC, 1], MESSAGE_BYTES);
  message.set(mac, MESSAGE_BYTES + 2);
  return icmpFrame({ mac, source: address, destination: ALL_NODES, message });
}

/**
 * The frame that asks who has `address`. It comes from `::` and has no link-layer address in it, as in
 * duplicate address detection (RFC 4862, 5.4.2), so nobody learns anything about the asker; the holder
 * answers to all nodes.
 */
export function encodeAnonymousSolicitation(address: Uint8Array, mac: Uint8Array): Uint8Array {
  const message = new Uint8Array(MESSAGE_BYTES);
  message[0] = neighbourTypes.solicitation;
  message.set(address, 8);
  return icmpFrame({ mac, source: UNSPECIFIED, destination: solicitedNode(address), message });
}

/** `ff02::1:ffXX:XXXX`: the group every holder of an address with these last three bytes listens to (RFC 4291, 2.7.1). */
function solicitedNode(address: Uint8Array): Uint8Array {
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0);
  group.set(address.subarray(13), 13);
  return group;
}

function icmpFrame(packet: {
  readonly mac: Uint8Array;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly message: Uint8Array;
}): Uint8Array {
  const { message, destination } = packet;
  const frame = ethernetFrame({
    // RFC 2464, section 7: a multicast group's link-layer address ends in the group's last four bytes.
    destination: Uint8Array.of(0x33, 0x33, ...destination.subarray(12)),
    source: packet.mac,
    etherType: ETHERTYPE_IPV6,
    payloadBytes: IPV6_HEADER_BYTES + message.length,
  });
  const ip = frame.subarray(ETHERNET_HEADER_BYTES);
  const view = new DataView(ip.buffer, ip.byteOffset);
  view.setUint8(0, 0x60);
  view.setUint16(4, message.length);
  view.setUint8(6, NEXT_HEADER_ICMPV6);
  view.setUint8(7, HOP_LIMIT);
  ip.set(packet.source, 8);
  ip.set(destination, 8 + ADDRESS_BYTES);
  ip.set(message, IPV6_HEADER_BYTES);
  view.setUint16(IPV6_HEADER_BYTES + 2, icmpChecksum(ip));
  return frame;
}

/**
 * The ICMPv6 checksum of an IPv6 packet without extension headers (RFC 4443, 2.3): the ones' complement sum
 * over the pseudo-header and the message. 0 for a packet that carries the right one already.
 */
export function icmpChecksum(packet: Uint8Array): number {
  const length = packet.length - IPV6_HEADER_BYTES;
  let sum = length + NEXT_HEADER_ICMPV6;
  for (let offset = 8; offset < packet.length; offset += 2) {
    sum += offset + 1 < packet.length ? readBe16(packet, offset) : packet[offset]! << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

/** Reads a frame; undefined for everything that is not a valid advertisement (RFC 4861, 7.1.2). Never throws. */
export function decodeAdvertisement(frame: Uint8Array): NeighbourAdvertisement | undefined {
  if (frame.length < ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES + MESSAGE_BYTES) return undefined;
  if (readBe16(frame, 12) !== ETHERTYPE_IPV6) return undefined;
  const header = frame.subarray(ETHERNET_HEADER_BYTES);
  const length = readBe16(header, 4);
  if (header[0]! >> 4 !== 6 || header[6] !== NEXT_HEADER_ICMPV6 || header[7] !== HOP_LIMIT) {
    return undefined;
  }
  if (length < MESSAGE_BYTES || IPV6_HEADER_BYTES + length > header.length) return undefined;
  // A short frame is padded to 60 bytes: the padding is not part of the packet.
  const packet = header.subarray(0, IPV6_HEADER_BYTES + length);
  const message = packet.subarray(IPV6_HEADER_BYTES);
  if (message[0] !== neighbourTypes.advertisement || message[1] !== 0) return undefined;
  if (icmpChecksum(packet) !== 0) return undefined;
  const option = targetMac(message.subarray(MESSAGE_BYTES));
  if (option === undefined) return undefined;
  return { target: message.slice(8, MESSAGE_BYTES), mac: option ?? frame.slice(6, 12) };
}

/** The target's link-layer address among the options; null without one, undefined when the options are broken. */
function targetMac(options: Uint8Array): Uint8Array | null | undefined {
  let mac: Uint8Array | null = null;
  for (let offset = 0; offset < options.length;) {
    const length = (options[offset + 1] ?? 0) * 8;
    if (length === 0 || offset + length > options.length) return undefined;
    if (options[offset] === OPTION_TARGET_MAC) {
      mac = options.slice(offset + 2, offset + 2 + MAC_BYTES);
    }
    offset += length;
  }
  return mac;
}
