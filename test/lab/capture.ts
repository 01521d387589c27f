/**
 * Packet captures: tcpdump writes a file, the functions here read it, so that tests count packets and
 * not lines of text. Format: the classic pcap file (draft-ietf-opsawg-pcap), Ethernet frames.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

const START_LIMIT_MS = 10_000;
/** Of each frame so much is kept: Ethernet, IPv6, UDP, GUE with options, IPv6 and TCP without options fit. */
const SNAP_BYTES = "160";
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_HEADER_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const PROTOCOL_TCP = 6;

/** An ARP packet (RFC 826) of a capture. */
export interface ArpPacket {
  readonly kind: "arp";
  /** Wall clock, ms. */
  readonly at: number;
  readonly operation: "request" | "reply";
  readonly sourceMac: string;
  readonly senderIp: string;
  readonly targetIp: string;
}

/** A TCP segment over IPv4 of a capture. */
export interface TcpPacket {
  readonly kind: "tcp";
  readonly at: number;
  readonly sourceMac: string;
  readonly targetMac: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly targetPort: number;
  /** Identification and time to live of the IPv4 header: one sender's packet keeps the first on its way. */
  readonly identification: number;
  readonly ttl: number;
  readonly sequence: number;
}

/** See {@link readCapture}. */
export type CapturedPacket = ArpPacket | TcpPacket;

/** A running capture of a machine's (or the switch's) interface. */
export class Capture {
  readonly file: string;
  readonly #process: LabProcess;

  private constructor(file: string, process: LabProcess) {
    this.file = file;
    this.#process = process;
  }

  /** Starts tcpdump; resolves when it listens. `filter` is in its own language. */
  static async start(host: Host, filter: string, interfaceName = "eth0"): Promise<Capture> {
    const file = join(host.folder, `${host.name}-${interfaceName}.pcap`);
    const process = host.start([
      "tcpdump",
      ...["-i", interfaceName, "-n", "-U", "--immediate-mode", "-Z", "root", "-s", SNAP_BYTES],
      ...["-w", file, filter],
    ], { label: `tcpdump-${interfaceName}` });
    await waitFor(() => process.tail(5).includes("listening on"), {
      what: `tcpdump listens on ${host.name}`,
      limitMs: START_LIMIT_MS,
    });
    return new Capture(file, process);
  }

  /** Ends the capture and returns its ARP and TCP packets in order. */
  async stop(): Promise<CapturedPacket[]> {
    return readCapture(await this.end());
  }

  /** Ends the capture and returns its file. */
  async end(): Promise<Uint8Array> {
    await this.#process.end("SIGINT");
    return readFileSync(this.file);
  }
}

/** The ARP and TCP packets in a pcap file. Throws when it is not one. */
export function readCapture(bytes: Uint8Array): CapturedPacket[] {
  return framesOf(bytes).flatMap(({ at, frame }) => readFrame(frame, at) ?? []);
}

/** A frame of a capture. */
export interface Frame {
  /** Wall clock, ms. */
  readonly at: number;
  /** From the Ethernet header on; may end early, as the capture keeps the beginnings of frames only. */
  readonly frame: DataView;
}

/** The frames in a pcap file, in order. Throws when it is not one. */
export function framesOf(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0xa1b2c3d4) throw new Error("read capture: not a pcap file");
  const frames: Frame[] = [];
  let offset = FILE_HEADER_BYTES;
  while (offset + RECORD_HEADER_BYTES <= bytes.length) {
    const at = view.getUint32(offset, true) * 1000 + view.getUint32(offset + 4, true) / 1000;
    const length = view.getUint32(offset + 8, true);
    const start = offset + RECORD_HEADER_BYTES;
    // A frame cut short is the end of a file still being written when tcpdump ended.
    if (start + length > bytes.length) break;
    frames.push({ at, frame: new DataView(bytes.buffer, bytes.byteOffset + start, length) });
    offset = start + length;
  }
  return frames;
}

/** Gratuitous ARP for an address, by whomever (RFC 5227, 3): a machine tells all that it has it. */
export function announcementsOf(address: string, packets: readonly CapturedPacket[]): ArpPacket[] {
  return packets.filter((packet): packet is ArpPacket =>
    packet.kind === "arp" && packet.senderIp === address && packet.targetIp === address
  );
}

function readFrame(frame: DataView, at: number): CapturedPacket | undefined {
  if (frame.byteLength < ETHERNET_HEADER_BYTES) return undefined;
  const type = frame.getUint16(12);
  if (type === ETHERTYPE_ARP && frame.byteLength >= ETHERNET_HEADER_BYTES + 28) {
    return {
      kind: "arp",
      at,
      operation: frame.getUint16(20) === 1 ? "request" : "reply",
      sourceMac: mac(frame, 6),
      senderIp: ipv4(frame, 28),
      targetIp: ipv4(frame, 38),
    };
  }
  return type === ETHERTYPE_IPV4 ? readTcp(frame, at) : undefined;
}

function readTcp(frame: DataView, at: number): TcpPacket | undefined {
  const ip = ETHERNET_HEADER_BYTES;
  if (frame.byteLength < ip + 20 || frame.getUint8(ip + 9) !== PROTOCOL_TCP) return undefined;
  const tcp = ip + (frame.getUint8(ip) & 0x0f) * 4;
  if (frame.byteLength < tcp + 8) return undefined;
  return {
    kind: "tcp",
    at,
    sourceMac: mac(frame, 6),
    targetMac: mac(frame, 0),
    source: ipv4(frame, ip + 12),
    sourcePort: frame.getUint16(tcp),
    target: ipv4(frame, ip + 16),
    targetPort: frame.getUint16(tcp + 2),
    identification: frame.getUint16(ip + 4),
    ttl: frame.getUint8(ip + 8),
    sequence: frame.getUint32(tcp + 4),
  };
}

function mac(frame: DataView, offset: number): string {
  const bytes = Array.from({ length: 6 }, (_, index) => frame.getUint8(offset + index));
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function ipv4(frame: DataView, offset: number): string {
  return Array.from({ length: 4 }, (_, index) => frame.getUint8(offset + index)).join(".");
}
