/** DNS messages as the wire has them: the bytes below were written out by hand from RFC 1035. */
import { describe, expect, test } from "bun:test";
import { txtAnswer, txtQuery } from "./dns_message.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const question = "02 6e31 04 74657374 00 0010 0001";
const record = "c00c 0010 0001 0000003c 0006 05 68656c6c6f";

describe("DNS messages", () => {
  test("a query has one question, for a TXT record of class IN", () => {
    expect(txtQuery(0x1234, "n1.test")).toEqual(
      Buffer.from(bytes(`1234 0100 0001 0000 0000 0000 ${question}`)),
    );
  });

  test("the text is read from the answer, behind other records", () => {
    const other = "c00c 0001 0001 0000003c 0004 c0a80615";
    const message = bytes(`1234 8580 0001 0002 0000 0000 ${question} ${other} ${record}`);
    expect(txtAnswer(0x1234, message)).toBe("hello");
  });

  test.each([
    ["another id", `1235 8580 0001 0001 0000 0000 ${question} ${record}`],
    ["a query", `1234 0100 0001 0000 0000 0000 ${question}`],
    ["a refusal", `1234 8185 0001 0000 0000 0000 ${question}`],
    ["no record", `1234 8580 0001 0000 0000 0000 ${question}`],
    ["a record cut short", `1234 8580 0001 0001 0000 0000 ${question} c00c 0010 0001 0000`],
    ["nothing", ""],
  ])("is no answer: %s", (_what, hex) => {
    expect(txtAnswer(0x1234, bytes(hex))).toBeNull();
  });
});
