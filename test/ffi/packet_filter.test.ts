/** The filter in front of the packet socket. Golden: `tcpdump -dd 'ip6 and ip6[6]==58 and ip6[40]==136'`. */
import { expect, test } from "bun:test";
import { advertisementFilter, encodeFilter } from "../../ffi/packet_filter.ts";
import { hex, toHex } from "./hex.ts";

test("advertisementFilter is what tcpdump compiles, without the ethertype, to which the socket is bound", () => {
  expect(advertisementFilter.map((instruction) => [...instruction])).toEqual([
    [0x30, 0, 0, 0x14],
    [0x15, 0, 3, 0x3a],
    [0x30, 0, 0, 0x36],
    [0x15, 0, 1, 0x88],
    [0x6, 0, 0, 0x40000],
    [0x6, 0, 0, 0],
  ]);
});

test("encodeFilter lays out struct sock_filter of linux/filter.h", () => {
  const bytes = "3000 00 00 14000000 1500 01 02 3a000000";
  expect(toHex(encodeFilter([[0x30, 0, 0, 0x14], [0x15, 1, 2, 0x3a]]))).toBe(toHex(hex(bytes)));
});
