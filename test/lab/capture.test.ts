/** Captures are read as the wire has them: the frames below were written out by hand from the RFCs. */
import { describe, expect, test } from "bun:test";
import { readCapture } from "./capture.ts";

/** A pcap file, little-endian, with frames at 1,000.5 s. */
function pcap(...frames: string[]): Uint8Array {
  const header = "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000";
  const records = frames.map((hex) => {
    const frame = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_000, 0);
    record.writeUInt32LE(500_000, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return Buffer.concat([record, frame]);
  });
  return Buffer.concat([Buffer.from(header.replaceAll(" ", ""), "hex"), ...records]);
}

const gratuitous = "ffffffffffff 020000000005 0806 0001 0800 06 04 0001" +
  "020000000005 c0a806f0 000000000000 c0a806f0";
const syn = "020000000004 020000000002 0800 45 00 0028 1234 4000 3f 06 0000 c0a80602 c0a806f0" +
  "9c40 0050 0000000a 00000000 50 02 faf0 0000 0000";

describe("readCapture", () => {
  test("reads a gratuitous ARP request", () => {
    expect(readCapture(pcap(gratuitous))).toEqual([{
      kind: "arp",
      at: 1_000_500,
      operation: "request",
      sourceMac: "02:00:00:00:00:05",
      senderIp: "192.168.6.240",
      targetIp: "192.168.6.240",
    }]);
  });

  test("reads a TCP segment with what tells its way", () => {
    expect(readCapture(pcap(syn))).toEqual([{
      kind: "tcp",
      at: 1_000_500,
      sourceMac: "02:00:00:00:00:02",
      targetMac: "02:00:00:00:00:04",
      source: "192.168.6.2",
      sourcePort: 40_000,
      target: "192.168.6.240",
      targetPort: 80,
      identification: 0x1234,
      ttl: 63,
      sequence: 10,
    }]);
  });

  test("passes over other frames and a last one that is cut short", () => {
    const other = "ffffffffffff 020000000005 86dd 60000000";
    const whole = pcap(other, syn, gratuitous);
    expect(readCapture(whole.subarray(0, whole.length - 3)).map(({ kind }) => kind)).toEqual([
      "tcp",
    ]);
  });

  test("refuses what is not a capture", () => {
    expect(() => readCapture(new Uint8Array(24))).toThrow("not a pcap file");
  });
});
