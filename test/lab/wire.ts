/**
 * The way of packets: captured frames as the IP headers they carry, outermost first, so that a test can
 * say which machines a packet passed and in what it was wrapped. Knows IPv4 (RFC 791), IPv6 without
 * extension headers (RFC 8200), IP in IP (RFC 2003, RFC 2473, RFC 4213), GRE (RFC 2784, RFC 2890) and
 * GUE version 0 (draft-ietf-intarea-gue, Linux net/gue.h).
 */
import { framesOf } from "./capture.ts";

const ETHERNET_HEADER_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_IPV4 = 4;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_IPV6 = 41;
const PROTOCOL_GRE = 47;
const PROTOCOL_SCTP = 132;
/** The UDP port of GUE that the lab uses. IANA gave GUE 6080. */
export const GUE_PORT = 6080;
/** Headers that are followed at most: the lab wraps once. */
const DEPTH_MAX = 3;

/** One IP header, and the ports behind it. */
export interface IpHeader {
  readonly source: string;
  readonly target: string;
  /** IANA protocol number of what follows: 6 TCP, 17 UDP, 132 SCTP, 4 and 41 IP, 47 GRE. */
  readonly protocol: number;
  /** 0 where the protocol has no ports. */
  readonly sourcePort: number;
  readonly targetPort: number;
}

/** How an IP packet lies in another one; `none` when it does not. */
export type Wrapping = "none" | "ipip" | "gre" | "gue";

/** An IP packet on its way. */
export interface WirePacket {
  /** Wall clock, ms. */
  readonly at: number;
  readonly sourceMac: string;
  readonly targetMac: string;
  readonly wrapping: Wrapping;
  /** The header that is routed; the same as `inner` when nothing is wrapped. */
  readonly outer: IpHeader;
  /** The header the client or the real server made. */
  readonly inner: IpHeader;
}

/** The IP packets in a pcap file, in order. Throws when it is none; passes over frames it cannot read. */
export function readWire(bytes: Uint8Array): WirePacket[] {
  return framesOf(bytes).flatMap(({ at, frame }) => {
    if (frame.byteLength < ETHERNET_HEADER_BYTES) return [];
    const headers = readHeaders(frame, frame.getUint16(12), ETHERNET_HEADER_BYTES);
    const outer = headers[0];
    const inner = headers.at(-1);
    if (outer === undefined || inner === undefined) return [];
    const wrapping = headers.length === 1 ? "none" : wrappingOf(outer);
    return [{ at, sourceMac: mac(frame, 6), targetMac: mac(frame, 0), wrapping, outer, inner }];
  });
}

function wrappingOf(outer: IpHeader): Wrapping {
  if (outer.protocol === PROTOCOL_GRE) return "gre";
  return outer.protocol === PROTOCOL_UDP ? "gue" : "ipip";
}

function readHeaders(frame: DataView, type: number, start: number): IpHeader[] {
  const headers: IpHeader[] = [];
  let next: { type: number; start: number } | undefined = { type, start };
  while (next !== undefined && headers.length < DEPTH_MAX) {
    const found = readHeader(frame, next.type, next.start);
    if (found === undefined) break;
    headers.push(found.header);
    next = inside(frame, found.header, found.payload);
  }
  return headers;
}

/** One header, and where its payload begins; nothing when the frame has no whole header there. */
function readHeader(
  frame: DataView,
  type: number,
  start: number,
): { header: IpHeader; payload: number } | undefined {
  const isIpv4 = type === ETHERTYPE_IPV4;
  const least = isIpv4 ? 20 : 40;
  if ((!isIpv4 && type !== ETHERTYPE_IPV6) || start + least > frame.byteLength) return undefined;
  const payload = start + (isIpv4 ? (frame.getUint8(start) & 0x0f) * 4 : 40);
  const protocol = frame.getUint8(start + (isIpv4 ? 9 : 6));
  const address = isIpv4 ? ipv4 : ipv6;
  const hasPorts = [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP].includes(protocol) &&
    payload + 4 <= frame.byteLength;
  const header = {
    source: address(frame, start + (isIpv4 ? 12 : 8)),
    target: address(frame, start + (isIpv4 ? 16 : 24)),
    protocol,
    sourcePort: hasPorts ? frame.getUint16(payload) : 0,
    targetPort: hasPorts ? frame.getUint16(payload + 2) : 0,
  };
  return { header, payload };
}

/** Where the IP packet inside a packet begins, and which version it has; nothing when there is none. */
function inside(
  frame: DataView,
  header: IpHeader,
  payload: number,
): { type: number; start: number } | undefined {
  if (payload + 8 > frame.byteLength) return undefined;
  switch (header.protocol) {
    case PROTOCOL_IPV4:
      return { type: ETHERTYPE_IPV4, start: payload };
    case PROTOCOL_IPV6:
      return { type: ETHERTYPE_IPV6, start: payload };
    case PROTOCOL_GRE:
      return { type: frame.getUint16(payload + 2), start: payload + greBytes(frame, payload) };
    case PROTOCOL_UDP:
      return header.targetPort === GUE_PORT ? insideGue(frame, payload + 8) : undefined;
    default:
      return undefined;
  }
}

/** Checksum, key and sequence number are there when their flag is. */
function greBytes(frame: DataView, start: number): number {
  const flags = frame.getUint8(start);
  return 4 + [0x80, 0x20, 0x10].filter((flag) => (flags & flag) !== 0).length * 4;
}

/** Variant and control in the first three bits, then the length of the optional fields in words. */
function insideGue(frame: DataView, start: number): { type: number; start: number } | undefined {
  if (start + 4 > frame.byteLength) return undefined;
  const first = frame.getUint8(start);
  if ((first & 0xe0) !== 0) return undefined;
  const type = frame.getUint8(start + 1) === PROTOCOL_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
  return { type, start: start + 4 + (first & 0x1f) * 4 };
}

function mac(frame: DataView, offset: number): string {
  const bytes = Array.from({ length: 6 }, (_, index) => frame.getUint8(offset + index));
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function ipv4(frame: DataView, offset: number): string {
  return Array.from({ length: 4 }, (_, index) => frame.getUint8(offset + index)).join(".");
}

/** As RFC 5952 writes it: the longest run of zeros, of two groups at least, is `::`. */
function ipv6(frame: DataView, offset: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => frame.getUint16(offset + index * 2));
  const text = groups.map((group) => group.toString(16)).join(":");
  const runs = text.match(/(?<![0-9a-f])0(?::0(?![0-9a-f]))+/g) ?? [];
  const longest = runs.toSorted((a, b) => b.length - a.length)[0];
  if (longest === undefined) return text;
  const at = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  const before = text.slice(0, at).replace(/:$/, "");
  const after = text.slice(at + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}
