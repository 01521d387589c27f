/** Attributes: layout by linux/netlink.h, and that nothing written is lost or misread. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { readU16, readU32 } from "../../ffi/bytes.ts";
import { AttributeWriter, readAttributes } from "../../ffi/netlink_attribute.ts";
import { hex, toHex } from "./hex.ts";

const layouts = [
  { what: "u8", write: (w: AttributeWriter) => w.u8(1, 0xab), bytes: "05000100 ab000000" },
  { what: "u16", write: (w: AttributeWriter) => w.u16(2, 0x1234), bytes: "06000200 34120000" },
  { what: "be16", write: (w: AttributeWriter) => w.be16(3, 80), bytes: "06000300 00500000" },
  { what: "u32", write: (w: AttributeWriter) => w.u32(4, -1), bytes: "08000400 ffffffff" },
  { what: "text", write: (w: AttributeWriter) => w.text(5, "wlc"), bytes: "08000500 776c6300" },
  { what: "empty text", write: (w: AttributeWriter) => w.text(5, ""), bytes: "05000500 00000000" },
  {
    what: "nested",
    write: (w: AttributeWriter) => w.nested(6, (inner) => void inner.u8(1, 1).u16(2, 2)),
    bytes: "14000680 05000100 01000000 06000200 02000000",
  },
];
for (const { what, write, bytes } of layouts) {
  test(`AttributeWriter lays out ${what} as the kernel reads it`, () => {
    expect(toHex(write(new AttributeWriter()).finish())).toBe(toHex(hex(bytes)));
  });
}

test("readAttributes finds every attribute AttributeWriter wrote, however long", () => {
  const value = fc.uint8Array({ maxLength: 1_500 });
  fc.assert(fc.property(fc.array(value, { maxLength: 40 }), (values) => {
    const writer = new AttributeWriter();
    for (const [index, bytes] of values.entries()) writer.bytes(index + 1, bytes);
    const found = readAttributes(writer.finish());
    for (const [index, bytes] of values.entries()) expect(found[index + 1]).toEqual(bytes);
    expect(found.filter((one) => one !== undefined).length).toBe(values.length);
  }));
});

test("AttributeWriter keeps numbers whole when its buffer grows at any point", () => {
  for (let before = 480; before < 530; before++) {
    const writer = new AttributeWriter().bytes(1, new Uint8Array(before)).u32(2, 0xdead_beef);
    const found = readAttributes(writer.u16(3, 0xcafe).finish());
    expect(readU32(found[2]!)).toBe(0xdead_beef);
    expect(readU16(found[3]!)).toBe(0xcafe);
  }
});

test("readAttributes never throws and never reads outside, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(220), (bytes, offset) => {
    const lengths = readAttributes(bytes, offset).map((value) => value?.length ?? 0);
    expect(lengths.every((length) => length <= bytes.length)).toBe(true);
  }));
});

test("readAttributes ignores the flag that marks nested attributes", () => {
  expect(readAttributes(hex("0500 0380 07000000"))[3]).toEqual(Uint8Array.of(7));
});
