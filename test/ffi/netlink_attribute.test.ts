/** Attributes: layout by linux/netlink.h, and that nothing written is lost or misread. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  attributeBytes,
  attributeNumber,
  AttributeWriter,
  endOfAttribute,
  findAttributes,
} from "../../ffi/netlink_attribute.ts";
import { hex, toHex } from "./hex.ts";

const layouts = [
  { what: "u8", write: (w: AttributeWriter) => w.u8(1, 0xab), bytes: "05000100 ab000000" },
  { what: "u16", write: (w: AttributeWriter) => w.u16(2, 0x1234), bytes: "06000200 34120000" },
  { what: "be16", write: (w: AttributeWriter) => w.be16(3, 80), bytes: "06000300 00500000" },
  { what: "u32", write: (w: AttributeWriter) => w.u32(4, -1), bytes: "08000400 ffffffff" },
  {
    what: "be32",
    write: (w: AttributeWriter) => w.be32(4, 0xffff_ff00),
    bytes: "08000400 ffffff00",
  },
  {
    what: "a pair of u32",
    write: (w: AttributeWriter) => w.u32pair(7, 1, 0xffff_ffff),
    bytes: "0c000700 01000000 ffffffff",
  },
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

test("findAttributes finds every attribute AttributeWriter wrote, however long", () => {
  const value = fc.uint8Array({ maxLength: 1_500 });
  fc.assert(fc.property(fc.array(value, { maxLength: 31 }), (values) => {
    const writer = new AttributeWriter();
    for (const [index, bytes] of values.entries()) writer.bytes(index + 1, bytes);
    const message = writer.finish();
    const found = findAttributes(message);
    for (const [index, bytes] of values.entries()) {
      expect(attributeBytes(message, found[index + 1]!)).toEqual(bytes);
    }
    expect(found.filter((at) => at !== 0).length).toBe(values.length);
  }));
});

test("AttributeWriter keeps numbers whole when its buffer grows at any point", () => {
  for (let before = 480; before < 530; before++) {
    const writer = new AttributeWriter().bytes(1, new Uint8Array(before)).u32(2, 0xdead_beef);
    const message = writer.u16(3, 0xcafe).finish();
    const found = findAttributes(message);
    expect(attributeNumber(message, found[2]!, 32)).toBe(0xdead_beef);
    expect(attributeNumber(message, found[3]!, 16)).toBe(0xcafe);
  }
});

test("AttributeWriter leaves nothing of the message before in the padding of the next", () => {
  const writer = new AttributeWriter().bytes(1, new Uint8Array(64).fill(0xff));
  writer.begin().u8(1, 1).u16(2, 2).bytes(3, Uint8Array.of(3)).bytes(4, Uint8Array.of(4), 6);
  const bytes = "05000100 01000000 06000200 02000000 05000300 03000000 0a000400 0400000000000000";
  expect(toHex(writer.finish())).toBe(toHex(hex(bytes)));
});

test("findAttributes never throws and never points outside, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(220), (bytes, start) => {
    for (const at of findAttributes(bytes, start)) {
      if (at !== 0) expect(endOfAttribute(bytes, at)).toBeLessThanOrEqual(bytes.length);
    }
  }));
});

test("findAttributes ignores the flag that marks nested attributes", () => {
  expect(findAttributes(hex("0500 0380 07000000"))[3]).toBe(4);
});

test("attributeNumber takes nothing from behind a value that is too short", () => {
  const bytes = hex("0500 0100 07ffffff");
  expect(attributeNumber(bytes, 4, 8)).toBe(7);
  expect(attributeNumber(bytes, 4, 32)).toBe(0);
  expect(attributeNumber(bytes, 0, 8)).toBe(0);
});
