/**
 * ARP over Ethernet for IPv4 (RFC 826; probes and announcements RFC 5227), as whole frames.
 */
import { readBe16 } from "./bytes.ts";
import {
  ETHERNET_HEADER_BYTES,
  ethernetFrame,
  MAC_BROADCAST,
  MAC_BYTES,
  MAC_ZERO,
} from "./ethernet.ts";

/** ETH_P_ARP. */
export const ETHERTYPE_ARP = 0x0806;
/** ares_op$REQUEST and ares_op$REPLY. */
export const arpOperations = { request: 1, reply: 2 } as const;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ARP_BYTES = 28;
/** An address nobody has: the sender of a probe, so that no cache learns from it (RFC 5227, 2.1.1). */
const IPV4_ZERO = new Uint8Array(4);

/** An ARP packet; addresses are bytes. */
export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderAddress: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly targetAddress: Uint8Array;
}

/** A frame with an ARP packet, from its sender to `destination`. */
export function encodeArp(packet: ArpPacket, destination: Uint8Array): Uint8Array {
  const frame = ethernetFrame({
    destination,
    source: packet.senderMac,
    etherType: ETHERTYPE_ARP,
    payloadBytes: ARP_BYTES,
  });
  const arp = frame.subarray(ETHERNET_HEADER_BYTES);
  const view = new DataView(arp.buffer, arp.byteOffset);
  view.setUint16(0, HARDWARE_ETHERNET);
  view.setUint16(2, PROTOCOL_IPV4);
  view.setUint8(4, MAC_BYTES);
  view.setUint8(5, 4);
  view.setUint16(6, packet.operation);
  arp.set(packet.senderMac, 8);
  arp.set(packet.senderAddress, 14);
  arp.set(packet.targetMac, 18);
  arp.set(packet.targetAddress, 24);
  return frame;
}

/**
 * The two broadcast frames that tell a LAN that `address` is at `mac`: gratuitous ARP as a request and as a
 * reply (RFC 5944, 4.6). Some systems update their cache from one kind only.
 */
export function encodeGratuitousArp(address: Uint8Array, mac: Uint8Array): Uint8Array[] {
  const sender = { senderMac: mac, senderAddress: address, targetAddress: address };
  return [
    encodeArp({ ...sender, operation: arpOperations.request, targetMac: MAC_ZERO }, MAC_BROADCAST),
    encodeArp({ ...sender, operation: arpOperations.reply, targetMac: mac }, MAC_BROADCAST),
  ];
}

/** The broadcast frame that asks who has `address`, without telling anybody anything about the asker (RFC 5227, 2.1.1). */
export function encodeArpProbe(address: Uint8Array, mac: Uint8Array): Uint8Array {
  return encodeArp({
    operation: arpOperations.request,
    senderMac: mac,
    senderAddress: IPV4_ZERO,
    targetMac: MAC_ZERO,
    targetAddress: address,
  }, MAC_BROADCAST);
}

/** Reads a frame; undefined for everything that is not ARP over Ethernet for IPv4. Never throws. */
export function decodeArp(frame: Uint8Array): ArpPacket | undefined {
  if (frame.length < ETHERNET_HEADER_BYTES + ARP_BYTES) return undefined;
  if (readBe16(frame, 12) !== ETHERTYPE_ARP) return undefined;
  const arp = frame.subarray(ETHERNET_HEADER_BYTES);
  if (readBe16(arp, 0) !== HARDWARE_ETHERNET || readBe16(arp, 2) !== PROTOCOL_IPV4) {
    return undefined;
  }
  if (arp[4] !== MAC_BYTES || arp[5] !== 4) return undefined;
  return {
    operation: readBe16(arp, 6),
    senderMac: arp.slice(8, 14),
    senderAddress: arp.slice(14, 18),
    targetMac: arp.slice(18, 24),
    targetAddress: arp.slice(24, 28),
  };
}
