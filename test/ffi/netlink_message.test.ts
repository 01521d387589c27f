/** Messages in datagrams, and acknowledgements with and without the kernel's words. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  messageBytes,
} from "../../ffi/netlink_message.ts";
import { hex, toHex } from "./hex.ts";

test("encodeMessage writes the header of linux/netlink.h and pads to four bytes", () => {
  const target = new Uint8Array(24);
  const message = { type: 0x1c, flags: 5, payload: Uint8Array.of(1, 2, 3, 4, 5) };
  expect(encodeMessage(message, target, { offset: 0, sequence: 7 })).toBe(24);
  expect(toHex(target)).toBe(toHex(hex("15000000 1c00 0500 07000000 00000000 0102030405 000000")));
});

test("decodeMessages reads back what encodeMessage wrote one behind the other", () => {
  const message = fc.record({
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    payload: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
    const target = new Uint8Array(
      messages.reduce((sum, { payload }) => sum + messageBytes(payload.length), 0),
    );
    let offset = 0;
    for (const [sequence, one] of messages.entries()) {
      offset = encodeMessage(one, target, { offset, sequence });
    }
    expect(offset).toBe(target.length);
    expect(decodeMessages(target)).toEqual(
      messages.map((one, sequence) => ({ ...one, sequence })),
    );
  }));
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
