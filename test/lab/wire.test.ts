/** Wrapped packets as the wire has them: the frames below were written out by hand from the RFCs. */
import { describe, expect, test } from "bun:test";
import { readWire } from "./wire.ts";

/** A pcap file, little-endian, with one frame at 1,000.5 s. */
function pcap(hex: string): Uint8Array {
  const frame = Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
  const header = Buffer.from("d4c3b2a1020004000000000000000000000004000100000000000000", "hex");
  const record = Buffer.alloc(16);
  record.writeUInt32LE(1_000, 0);
  record.writeUInt32LE(500_000, 4);
  record.writeUInt32LE(frame.length, 8);
  record.writeUInt32LE(frame.length, 12);
  return Buffer.concat([header.subarray(0, 24), record, frame]);
}

/** From the director's link-layer address to the real server's. */
const ethernet = "020000000015 020000000004";
/** Client 192.168.6.2, port 40000, to the VIP 192.168.6.240, port 80. */
const tcp = "9c40 0050 0000000a 00000000 50 02 faf0 0000 0000";
const inner4 = `45 00 0028 1234 4000 3f 06 0000 c0a80602 c0a806f0 ${tcp}`;
const address6 = (last: string) => `20010db8 00060000 00000000 0000${last}`;
const inner6 = `60000000 0014 06 3f ${address6("0002")} ${address6("0240")} ${tcp}`;
const outer4 = (protocol: string) =>
  `0800 45 00 0050 1234 4000 40 ${protocol} 0000 c0a80604 c0a80615`;
const outer6 = (protocol: string) =>
  `86dd 60000000 0050 ${protocol} 40 ${address6("0004")} ${address6("0021")}`;
const udp = (port: string) => `b3c6 ${port} 0038 0000`;

const client4 = {
  source: "192.168.6.2",
  target: "192.168.6.240",
  sourcePort: 40_000,
  targetPort: 80,
};
const client6 = { ...client4, source: "2001:db8:6::2", target: "2001:db8:6::240" };

describe("readWire", () => {
  test.each([
    ["IPv4 in IPv4", `${outer4("04")} ${inner4}`, "ipip", 4, client4],
    ["IPv6 in IPv4", `${outer4("29")} ${inner6}`, "ipip", 41, client6],
    ["GRE", `${outer4("2f")} 0000 0800 ${inner4}`, "gre", 47, client4],
    ["GRE with a checksum", `${outer4("2f")} 8000 86dd 12340000 ${inner6}`, "gre", 47, client6],
    ["GUE", `${outer4("11")} ${udp("17c0")} 00 04 0000 ${inner4}`, "gue", 17, client4],
    [
      "GUE with a field",
      `${outer4("11")} ${udp("17c0")} 01 29 0000 00000000 ${inner6}`,
      "gue",
      17,
      client6,
    ],
  ])("%s: the inner packet, and what it lies in", (_what, hex, wrapping, protocol, client) => {
    const [packet, ...rest] = readWire(pcap(`${ethernet} ${hex}`));
    expect(rest).toEqual([]);
    expect(packet).toMatchObject({
      at: 1_000_500,
      sourceMac: "02:00:00:00:00:04",
      targetMac: "02:00:00:00:00:15",
      wrapping,
      outer: { source: "192.168.6.4", target: "192.168.6.21", protocol },
      inner: { ...client, protocol: 6 },
    });
  });

  test("IPv6 in IPv6", () => {
    const [packet] = readWire(pcap(`${ethernet} ${outer6("29")} ${inner6}`));
    expect(packet).toMatchObject({
      wrapping: "ipip",
      outer: { source: "2001:db8:6::4", target: "2001:db8:6::21", protocol: 41 },
      inner: client6,
    });
  });

  test("what is not wrapped is its own outside, and UDP to another port wraps nothing", () => {
    for (const hex of [`0800 ${inner4}`, `${outer4("11")} ${udp("0035")} 00 04 0000 ${inner4}`]) {
      const [packet] = readWire(pcap(`${ethernet} ${hex}`));
      expect(packet?.wrapping).toBe("none");
      expect(packet?.outer).toEqual(packet!.inner);
    }
  });

  test("passes over ARP and frames that are cut short", () => {
    expect(readWire(pcap(`${ethernet} 0806 0001`))).toEqual([]);
    expect(readWire(pcap(`${ethernet} 0800 45 00`))).toEqual([]);
    expect(readWire(pcap(`${ethernet} ${outer4("2f")} 0000`))[0]?.wrapping).toBe("none");
  });

  test("IPv6 addresses are written as RFC 5952 wants them", () => {
    const written = (hex: string) =>
      readWire(pcap(`${ethernet} 86dd 60000000 0000 3b 40 ${hex} ${address6("0002")}`))[0]?.inner
        .source;
    expect(written("fe80 0000 0000 0000 0000 00ff fe00 0001")).toBe("fe80::ff:fe00:1");
    expect(written("2001 0db8 0000 0001 0000 0000 0000 0100")).toBe("2001:db8:0:1::100");
    expect(written("0000 0000 0000 0000 0000 0000 0000 0001")).toBe("::1");
    expect(written("ff02 0001 0002 0003 0004 0005 0006 0007")).toBe("ff02:1:2:3:4:5:6:7");
  });
});
