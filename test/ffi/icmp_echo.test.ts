/** Echo messages, written out by hand from RFC 792 and RFC 4443. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeEchoMessage, encodeEchoRequest } from "../../ffi/icmp_echo.ts";
import { hex, toHex } from "./hex.ts";

const echo = { id: 0x1234, sequence: 7, data: hex("616263") };

describe("encodeEchoRequest", () => {
  test("writes ICMP with its checksum (RFC 1071, an odd number of bytes)", () => {
    const bytes = encodeEchoRequest(4, echo);
    expect(toHex(bytes.subarray(0, 2))).toBe("0800");
    expect(toHex(bytes.subarray(4))).toBe("12340007616263");
    expect(sumOfWords(bytes)).toBe(0xffff);
  });

  test("leaves the checksum of ICMPv6 to the kernel", () => {
    expect(toHex(encodeEchoRequest(6, echo))).toBe("8000000012340007616263");
  });
});

function sumOfWords(bytes: Uint8Array): number {
  const padded = new Uint8Array(bytes.length + bytes.length % 2);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  let sum = 0;
  for (let at = 0; at < padded.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** An IPv4 header of 24 bytes, with an option, and one of IPv6, before what they carry. */
const header4 = "46000000 00000000 4001 0000 c0000201 c0000207 01010101";
const header6 = "60000000 0013 3a 40" + "20010db8000000000000000000000001" +
  "20010db8000000000000000000000007";

describe("decodeEchoMessage reads", () => {
  test("replies", () => {
    const reply = { kind: "reply", ...echo } as const;
    expect(decodeEchoMessage(4, hex(`${header4} 0000ffff 12340007 616263`))).toEqual(reply);
    expect(decodeEchoMessage(6, hex("8100ffff 12340007 616263"))).toEqual(reply);
  });

  test("that a destination cannot be reached", () => {
    const about4 = `${header4} 0301ffff 00000000 ${header4} 0800ffff 12340007`;
    expect(decodeEchoMessage(4, hex(about4))).toEqual({
      kind: "unreachable",
      id: 0x1234,
      sequence: 7,
      destination: hex("c0000207"),
    });
    expect(decodeEchoMessage(6, hex(`0103ffff 00000000 ${header6} 8000ffff 12340007`))).toEqual({
      kind: "unreachable",
      id: 0x1234,
      sequence: 7,
      destination: hex("20010db8000000000000000000000007"),
    });
  });

  test("nothing else", () => {
    const others = [
      `${header4} 0800ffff 12340007`, // a request
      `${header4} 0001ffff 12340007`, // a reply with a code
      `${header4} 0301ffff 00000000 ${header4} 0000ffff 12340007`, // about a reply
      header4.replace("4001", "4011") + "0000ffff 12340007", // UDP
    ];
    for (const other of others) expect(decodeEchoMessage(4, hex(other))).toBeUndefined();
  });

  test("noise without throwing, and back what was written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(4, 6), (bytes, version) => {
        decodeEchoMessage(version, bytes);
      }),
    );
    const numbers = fc.nat(0xffff);
    fc.assert(
      fc.property(numbers, numbers, fc.uint8Array({ maxLength: 64 }), (id, sequence, data) => {
        const request = encodeEchoRequest(6, { id, sequence, data });
        request[0] = 129;
        expect(decodeEchoMessage(6, request)).toEqual({ kind: "reply", id, sequence, data });
      }),
    );
  });
});
