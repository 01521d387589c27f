/** Messages in datagrams, and acknowledgements with and without the kernel's words. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  beginMessage,
  decodeAcknowledgement,
  decodeMessages,
  endMessage,
} from "../../ffi/netlink_message.ts";
import type { AttributeWriter } from "../../ffi/netlink_attribute.ts";
import { hex, toHex, written } from "./hex.ts";

function writeMessage(
  writer: AttributeWriter,
  message: { type: number; flags: number; sequence: number; payload: Uint8Array },
): void {
  const start = beginMessage(writer, message, message.sequence);
  endMessage(writer.structure(message.payload), start);
}

test("beginMessage and endMessage write the header of linux/netlink.h around the payload", () => {
  const message = { type: 0x1c, flags: 5, sequence: 7, payload: hex("01020304") };
  const bytes = "14000000 1c00 0500 07000000 00000000 01020304";
  expect(toHex(written((w) => writeMessage(w, message)))).toBe(toHex(hex(bytes)));
});

test("decodeMessages reads back messages written one behind the other", () => {
  const message = fc.record({
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    sequence: fc.nat(0xffff_ffff),
    // Structures and attributes come in multiples of four bytes.
    payload: fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.slice(0, bytes.length & ~3)),
  });
  fc.assert(fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
    const datagram = written((w) => messages.forEach((one) => writeMessage(w, one)));
    expect(decodeMessages(datagram)).toEqual(messages);
  }));
});

test("decodeMessages stops where the datagram ends, not where the buffer does", () => {
  const message = { type: 1, flags: 2, sequence: 3, payload: new Uint8Array(4) };
  const datagram = written((w) => [message, message].forEach((one) => writeMessage(w, one)));
  expect(decodeMessages(datagram, 20)).toEqual([message]);
  expect(decodeMessages(datagram, 36)).toBeUndefined();
});

const broken = [
  { what: "a length below the header's", bytes: "0f000000 0200 0000 01000000 00000000" },
  { what: "a length beyond the datagram", bytes: "11000000 0200 0000 01000000 00000000" },
];
for (const { what, bytes } of broken) {
  test(`decodeMessages refuses ${what}`, () => {
    expect(decodeMessages(hex(bytes))).toBeUndefined();
  });
}

test("decodeMessages never throws, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeMessages(bytes)));
});

/** The acknowledgement of `ipvsadm -A`, from strace on linux 6.1: capped, the header of the request only. */
const acknowledged = "00000000 68000000 1c00 0500 403a016b 0900bfae";

const acknowledgements = [
  { what: "success", flags: 0x100, payload: acknowledged, errno: 0, text: "" },
  {
    what: "an error without words",
    flags: 0x100,
    payload: "efffffff 68000000 1c00 0500 403a016b 0900bfae",
    errno: 17,
    text: "",
  },
  {
    what: "words behind a capped request",
    flags: 0x300,
    payload: "edffffff 68000000 1c00 0500 403a016b 0900bfae 0b000100 6e6f2064657600 00",
    errno: 19,
    text: "no dev",
  },
  {
    what: "words behind a whole request",
    flags: 0x200,
    payload: "edffffff 15000000 1c00 0500 403a016b 0900bfae 0102030405 000000 07000100 6e6f0000",
    errno: 19,
    text: "no",
  },
];
for (const { what, flags, payload, errno, text } of acknowledgements) {
  test(`decodeAcknowledgement reads ${what}`, () => {
    const message = { type: 2, flags, sequence: 1, payload: hex(payload) };
    expect(decodeAcknowledgement(message)).toEqual({ errno, text });
  });
}
