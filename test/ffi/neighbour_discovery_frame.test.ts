/** Neighbour discovery. Golden bytes: sent by linux 6.1.176 itself (address detection, ndisc_notify), captured with `tcpdump -xx`. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ipToBytes } from "../../src/core/address.ts";
import {
  decodeAdvertisement,
  encodeAnonymousSolicitation,
  encodeUnsolicitedAdvertisement,
  icmpChecksum,
} from "../../ffi/neighbour_discovery_frame.ts";
import { hex, toHex } from "./hex.ts";

const mac = hex("020000000001");
const vip = ipToBytes("2001:db8::10");

const advertisement = hex(`333300000001 020000000001 86dd 60000000 0020 3a ff
  20010db8000000000000000000000010 ff020000000000000000000000000001
  88 00 f90c 20000000 20010db8000000000000000000000010 0201 020000000001`);
const solicitation = hex(`3333ff000010 020000000001 86dd 60000000 0018 3a ff
  00000000000000000000000000000000 ff0200000000000000000001ff000010
  87 00 4ccf 00000000 20010db8000000000000000000000010`);

test("encodeUnsolicitedAdvertisement writes the frame linux sends with ndisc_notify", () => {
  expect(toHex(encodeUnsolicitedAdvertisement(vip, mac))).toBe(toHex(advertisement));
});

test("encodeAnonymousSolicitation writes the frame linux sends to detect a duplicate address", () => {
  expect(toHex(encodeAnonymousSolicitation(vip, mac))).toBe(toHex(solicitation));
});

test("decodeAdvertisement reads an advertisement, with and without padding", () => {
  const expected = { target: vip, mac };
  expect(decodeAdvertisement(advertisement)).toEqual(expected);
  expect(decodeAdvertisement(Uint8Array.of(...advertisement, 0, 0, 0, 0))).toEqual(expected);
});

test("decodeAdvertisement takes the frame's sender when there is no link-layer address inside", () => {
  const packet = advertisement.slice(0, advertisement.length - 8);
  packet[14 + 5] = 24;
  packet.set([0, 0], 14 + 42);
  const sum = icmpChecksum(packet.subarray(14));
  packet.set([sum >> 8, sum & 255], 14 + 42);
  expect(decodeAdvertisement(packet)).toEqual({ target: vip, mac });
});

const bad = [
  { what: "a wrong checksum", offset: 14 + 42, value: 0 },
  { what: "a hop limit below 255: it came through a router", offset: 14 + 7, value: 254 },
  { what: "another next header", offset: 14 + 6, value: 17 },
  { what: "another IP version", offset: 14, value: 0x40 },
  { what: "another ethertype", offset: 12, value: 0x08 },
  { what: "a length beyond the frame", offset: 14 + 5, value: 0x28 },
  { what: "a length below the message's", offset: 14 + 5, value: 0x10 },
  { what: "a solicitation", offset: 14 + 40, value: 135 },
  { what: "an option of length 0", offset: 14 + 65, value: 0 },
  { what: "an option that ends outside", offset: 14 + 65, value: 2 },
];
for (const { what, offset, value } of bad) {
  test(`decodeAdvertisement ignores ${what}`, () => {
    const frame = advertisement.slice();
    frame[offset] = value;
    // So that only the fault in question is there: the checksum is made right again.
    if (offset >= 14 + 44) {
      frame.set([0, 0], 14 + 42);
      const sum = icmpChecksum(frame.subarray(14));
      frame.set([sum >> 8, sum & 255], 14 + 42);
    }
    expect(decodeAdvertisement(frame)).toBeUndefined();
  });
}

test("icmpChecksum is 0 for every packet that carries its own checksum", () => {
  const message = fc.uint8Array({ minLength: 4, maxLength: 120 });
  fc.assert(fc.property(message, fc.uint8Array({ minLength: 32, maxLength: 32 }), (body, pair) => {
    const packet = new Uint8Array(40 + body.length);
    packet.set(pair, 8);
    packet.set(body, 40);
    packet.set([0, 0], 42);
    const sum = icmpChecksum(packet);
    packet.set([sum >> 8, sum & 255], 42);
    // Ones' complement has two zeros.
    expect([0, 0xffff]).toContain(icmpChecksum(packet));
  }));
});

test("decodeAdvertisement reads back what is advertised for every address", () => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const hardware = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(fc.property(address, hardware, (target, own) => {
    const frame = encodeUnsolicitedAdvertisement(target, own);
    expect(decodeAdvertisement(frame)).toEqual({ target, mac: own });
  }));
});

test("decodeAdvertisement never throws, whatever arrives", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 140 }), fc.nat(139), (noise, keep) => {
    decodeAdvertisement(noise);
    const frame = advertisement.slice(0, Math.min(keep, advertisement.length));
    decodeAdvertisement(Uint8Array.of(...frame, ...noise));
  }));
});
