/** Sockets. Golden bytes: `ss -lntu` of iproute2 6.1 and linux 6.1.176, by `strace -xx`, behind the netlink header. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ipToBytes } from "../../src/core/address.ts";
import { decodeDiagSocket, socketStates, writeDiagRequest } from "../../ffi/inet_diag_codec.ts";
import { hex, toHex, written } from "./hex.ts";

describe("writeDiagRequest asks as ss does", () => {
  const states = socketStates.tcpListen | socketStates.udpUnconnected;
  const cases = [
    { what: "UDP over IPv4", version: 4, protocol: 17, head: "02110000 80040000" },
    { what: "TCP over IPv4", version: 4, protocol: 6, head: "02060000 80040000" },
    { what: "TCP over IPv6", version: 6, protocol: 6, head: "0a060000 80040000" },
  ] as const;
  for (const { what, version, protocol, head } of cases) {
    test(what, () => {
      const bytes = written((w) => writeDiagRequest(w, { version, protocol, states }));
      expect(toHex(bytes)).toBe(toHex(hex(head + "00".repeat(48))));
    });
  }
});

const listener4 = `020a0000 1f900000 7f000001 00000000 00000000 00000000 00000000 00000000
  00000000 00000000 00000000 01000000 00000000 00000000 00000000 80000000 00000000 85030000
  0500080000000000 08000f0000000000 04000e00 0c00150001000000 00000000 0600160052000000`;
const listener6 = `0a0a0000 1f910000 00000000 00000000 00000000 00000001 00000000 00000000
  00000000 00000000 00000000 02000000 00000000 00000000 00000000 80000000 00000000 86030000
  0500080000000000 05000b0001000000 08000f0000000000 04000e00 0c00150001000000 00000000
  0600160012000000`;

test("decodeDiagSocket reads a listener on 127.0.0.1:8080", () => {
  expect(decodeDiagSocket(hex(listener4))).toEqual({
    address: ipToBytes("127.0.0.1"),
    port: 8080,
    v6only: false,
  });
});

test("decodeDiagSocket reads a listener on [::1]:8081 that takes IPv6 only", () => {
  expect(decodeDiagSocket(hex(listener6))).toEqual({
    address: ipToBytes("::1"),
    port: 8081,
    v6only: true,
  });
});

test("decodeDiagSocket sees that a listener takes IPv4 too", () => {
  const both = hex(listener6);
  both[both.indexOf(0x0b) + 2] = 0;
  expect(decodeDiagSocket(both)?.v6only).toBe(false);
});

test("decodeDiagSocket never throws; what is too short or of another family is undefined", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    const socket = decodeDiagSocket(bytes);
    if (bytes.length < 72) expect(socket).toBeUndefined();
  }));
  expect(decodeDiagSocket(hex("01" + "00".repeat(71)))).toBeUndefined();
});
