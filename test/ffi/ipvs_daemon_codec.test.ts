/** Sync daemons and timeouts. Golden bytes: `ipvsadm` 1.31 and linux 6.1.176, by `strace -xx`, behind the netlink header. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeDaemon,
  decodeInfo,
  decodeTimeouts,
  writeDeleteDaemon,
  writeNewDaemon,
  writeTimeouts,
} from "../../ffi/ipvs_daemon_codec.ts";
import { ipToBytes } from "../../src/core/address.ts";
import type { IpvsDaemon } from "../../ffi/ipvs_types.ts";
import { hex, toHex, written } from "./hex.ts";

const full = {
  role: "master",
  interface: "d0",
  syncId: 42,
  maxLength: 1400,
  group: Uint8Array.of(224, 0, 0, 99),
  port: 8849,
  ttl: 2,
} as const;

test("writeNewDaemon writes --start-daemon master with everything exactly as ipvsadm does", () => {
  const bytes = `09010000 3c000380 0800010001000000 0700020064300000 080003002a000000
    0600040078050000 0600070091220000 0500080002000000 08000500e0000063`;
  expect(toHex(written((w) => writeNewDaemon(w, full)))).toBe(toHex(hex(bytes)));
});

test("writeNewDaemon leaves the rest to the kernel, as --start-daemon backup does", () => {
  const bytes = "09010000 1c000380 0800010002000000 0700020064300000 080003002a000000";
  const daemon: IpvsDaemon = { role: "backup", interface: "d0", syncId: 42 };
  expect(toHex(written((w) => writeNewDaemon(w, daemon)))).toBe(toHex(hex(bytes)));
});

test("writeDeleteDaemon names the role, the only thing the kernel reads of --stop-daemon", () => {
  const bytes = "0a010000 0c000380 0800010001000000";
  expect(toHex(written((w) => writeDeleteDaemon(w, "master")))).toBe(toHex(hex(bytes)));
});

test("decodeDaemon reads what linux answers to ipvsadm -L --daemon", () => {
  const master = `09010000 3c000300 0800010001000000 0700020064300000 080003002a000000
    0600040078050000 0600070091220000 0500080002000000 08000500e0000063`;
  const backup = `09010000 3c000300 0800010002000000 0700020064300000 080003002a000000
    06000400c0050000 0600070090220000 0500080001000000 08000500e0000051`;
  expect(decodeDaemon(hex(master))).toEqual(full);
  expect(decodeDaemon(hex(backup))).toEqual({
    role: "backup",
    interface: "d0",
    syncId: 42,
    maxLength: 1472,
    group: Uint8Array.of(224, 0, 0, 81),
    port: 8848,
    ttl: 1,
  });
});

test("daemons with an IPv6 group are written and read as ipvsadm and linux do", () => {
  const group = ipToBytes("ff02::51");
  const bytes = `09010000 48000380 0800010001000000 0700020064300000 080003002a000000
    0600040078050000 0600070091220000 0500080003000000 14000600ff020000000000000000000000000051`;
  const daemon = { ...full, group, ttl: 3 };
  expect(toHex(written((w) => writeNewDaemon(w, daemon)))).toBe(toHex(hex(bytes)));
  const answer = `09010000 48000300 0800010002000000 0700020064300000 080003002b000000
    06000400ac050000 0600070090220000 0500080001000000 14000600ff050000000000000000000000000051`;
  expect(decodeDaemon(hex(answer))).toEqual({
    role: "backup",
    interface: "d0",
    syncId: 43,
    maxLength: 1_452,
    group: ipToBytes("ff05::51"),
    port: 8_848,
    ttl: 1,
  });
});

test("decodeDaemon reads back every daemon writeNewDaemon writes", () => {
  const daemon: fc.Arbitrary<Required<IpvsDaemon>> = fc.record({
    role: fc.constantFrom("master" as const, "backup" as const),
    interface: fc.constantFrom("lo", "eth0", "a-name-of-15-by"),
    syncId: fc.nat(255),
    maxLength: fc.nat(0xffff),
    group: fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ),
    port: fc.nat(0xffff),
    ttl: fc.nat(255),
  });
  fc.assert(
    fc.property(
      daemon,
      (one) => expect(decodeDaemon(written((w) => writeNewDaemon(w, one)))).toEqual(one),
    ),
  );
});

test("decodeDaemon returns undefined for what is not a whole daemon", () => {
  expect(decodeDaemon(hex("09010000"))).toBeUndefined();
  expect(decodeDaemon(hex("09010000 0c000300 0800010001000000"))).toBeUndefined();
});

const timeouts = { tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 };
const timeoutBytes = "0c010000 0800040084030000 0800050078000000 080006002c010000";

test("writeTimeouts writes --set 900 120 300 exactly as ipvsadm does", () => {
  expect(toHex(written((w) => writeTimeouts(w, timeouts)))).toBe(toHex(hex(timeoutBytes)));
});

test("decodeTimeouts reads what linux answers to ipvsadm -L --timeout", () => {
  expect(decodeTimeouts(hex(timeoutBytes))).toEqual(timeouts);
});

test("decodeInfo reads version 1.2.1 and a table of 4096 buckets", () => {
  const payload = hex("0e010000 0800010001020100 0800020000100000");
  expect(decodeInfo(payload)).toEqual({ version: "1.2.1", connectionTableSize: 4096 });
  expect(decodeInfo(hex("0e010000"))).toBeUndefined();
});
