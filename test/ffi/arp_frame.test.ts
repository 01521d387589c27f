/** ARP frames. Golden bytes: sent by `arping` of iputils, answered by linux 6.1.176, captured with `tcpdump -xx`. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ipToBytes } from "../../src/core/address.ts";
import { decodeArp, encodeArp, encodeArpProbe, encodeGratuitousArp } from "../../ffi/arp_frame.ts";
import { hex, toHex } from "./hex.ts";

const mac = hex("020000000001");
const vip = ipToBytes("192.0.2.10");

test("encodeGratuitousArp writes the request of arping -U and the reply of arping -A", () => {
  // arping -U fills the target's link-layer address with ff, which nobody reads; RFC 826 leaves it undefined.
  const request = `ffffffffffff 020000000001 0806 0001 0800 06 04 0001
    020000000001 c000020a 000000000000 c000020a`;
  const reply = `ffffffffffff 020000000001 0806 0001 0800 06 04 0002
    020000000001 c000020a 020000000001 c000020a`;
  expect(encodeGratuitousArp(vip, mac).map(toHex)).toEqual(
    [request, reply].map((text) => toHex(hex(text))),
  );
});

test("encodeArpProbe writes the probe of RFC 5227, 2.1.1: broadcast, sender 0.0.0.0, target hardware zero", () => {
  const probe = `ffffffffffff 020000000001 0806 0001 0800 06 04 0001
    020000000001 00000000 000000000000 c0000242`;
  expect(toHex(encodeArpProbe(ipToBytes("192.0.2.66"), mac))).toBe(toHex(hex(probe)));
});

test("decodeArp reads the reply linux gives to a probe", () => {
  const reply = `020000000001 020000000002 0806 0001 0800 06 04 0002
    020000000002 c0000242 020000000001 00000000`;
  expect(decodeArp(hex(reply))).toEqual({
    operation: 2,
    senderMac: hex("020000000002"),
    senderAddress: ipToBytes("192.0.2.66"),
    targetMac: mac,
    targetAddress: ipToBytes("0.0.0.0"),
  });
});

const good = hex(`020000000001 020000000002 0806 0001 0800 06 04 0002
  020000000002 c0000242 020000000001 00000000`);
const bad = [
  { what: "another ethertype", offset: 13, value: 0x00 },
  { what: "another hardware type", offset: 15, value: 6 },
  { what: "another protocol", offset: 16, value: 0x86 },
  { what: "another length of hardware addresses", offset: 18, value: 8 },
  { what: "another length of protocol addresses", offset: 19, value: 16 },
];
for (const { what, offset, value } of bad) {
  test(`decodeArp ignores ${what}`, () => {
    const frame = good.slice();
    frame[offset] = value;
    expect(decodeArp(good)).toBeDefined();
    expect(decodeArp(frame)).toBeUndefined();
  });
}

test("decodeArp accepts the padding of a short Ethernet frame and nothing shorter than the packet", () => {
  expect(decodeArp(Uint8Array.of(...good, ...new Uint8Array(18)))).toEqual(decodeArp(good)!);
  expect(decodeArp(good.subarray(0, good.length - 1))).toBeUndefined();
});

test("decodeArp reads back every packet encodeArp writes", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const packet = fc.record({
    operation: fc.nat(0xffff),
    senderMac: bytes(6),
    senderAddress: bytes(4),
    targetMac: bytes(6),
    targetAddress: bytes(4),
  });
  fc.assert(fc.property(packet, bytes(6), (one, destination) => {
    expect(decodeArp(encodeArp(one, destination))).toEqual(one);
  }));
});

test("decodeArp never throws, whatever arrives", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (frame) => void decodeArp(frame)));
});
