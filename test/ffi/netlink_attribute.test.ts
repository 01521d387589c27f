/** Attributes: layout by linux/netlink.h, and that nothing written is lost or misread. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { AttributeReader, AttributeWriter } from "../../ffi/netlink_attribute.ts";
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
    write: (w: AttributeWriter) => {
      const start = w.open(6);
      w.u8(1, 1).u16(2, 2).close(start);
      return w;
    },
    bytes: "14000680 05000100 01000000 06000200 02000000",
  },
];
for (const { what, write, bytes } of layouts) {
  test(`AttributeWriter lays out ${what} as the kernel reads it`, () => {
    expect(toHex(write(new AttributeWriter()).finish())).toBe(toHex(hex(bytes)));
  });
}

test("AttributeReader finds every attribute AttributeWriter wrote, however long", () => {
  const value = fc.uint8Array({ maxLength: 1_500 });
  const reader = new AttributeReader();
  fc.assert(fc.property(fc.array(value, { maxLength: 31 }), (values) => {
    const writer = new AttributeWriter();
    for (const [index, bytes] of values.entries()) writer.bytes(index + 1, bytes);
    reader.read(writer.finish());
    for (let type = 1; type < 32; type++) {
      expect(reader.has(type)).toBe(type <= values.length);
      expect(reader.bytes(type)).toEqual(values[type - 1] ?? new Uint8Array(0));
    }
  }));
});

test("AttributeWriter keeps numbers whole when its buffer grows at any point", () => {
  for (let before = 16_350; before < 16_390; before++) {
    const writer = new AttributeWriter().bytes(1, new Uint8Array(before)).u32(2, 0xdead_beef);
    const message = writer.u16(3, 0xcafe).finish();
    const reader = new AttributeReader().read(message);
    expect([reader.u32(2), reader.u16(3)]).toEqual([0xdead_beef, 0xcafe]);
  }
});

test("AttributeWriter leaves nothing of the message before in the padding of the next", () => {
  const writer = new AttributeWriter().bytes(1, new Uint8Array(64).fill(0xff));
  writer.clear().u8(1, 1).u16(2, 2).bytes(3, Uint8Array.of(3)).bytes(4, Uint8Array.of(4), 6);
  const bytes = "05000100 01000000 06000200 02000000 05000300 03000000 0a000400 0400000000000000";
  expect(toHex(writer.finish())).toBe(toHex(hex(bytes)));
});

test("AttributeReader never throws and never reads outside, whatever the bytes", () => {
  const reader = new AttributeReader();
  const nested = new AttributeReader();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(220), (bytes, start) => {
    for (let type = 0; type < 32; type++) {
      nested.readNested(reader.read(bytes, start), type);
      const numbers = [reader.u8(type), reader.u16(type), reader.be16(type), reader.u32(type)];
      numbers.push(reader.be32(type), reader.u64(type), nested.u64(type));
      expect(numbers.every((number) => number >= 0)).toBe(true);
      expect(reader.bytes(type).length).toBeLessThanOrEqual(bytes.length);
      expect(reader.text(type).length).toBeLessThanOrEqual(bytes.length);
    }
  }));
});

test("AttributeReader ignores the flag that marks nested attributes", () => {
  expect(new AttributeReader().read(hex("0500 0380 07000000")).u8(3)).toBe(7);
});

test("AttributeReader takes nothing from behind a value that is too short", () => {
  const reader = new AttributeReader().read(hex("0500 0100 07ffffff 0600 0200 0102ffff"));
  expect([reader.u8(1), reader.u16(1), reader.u32(1), reader.u64(1)]).toEqual([7, 0, 0, 0]);
  expect([reader.u16(2), reader.be16(2), reader.u32(2)]).toEqual([0x201, 0x102, 0]);
});

test("AttributeReader reads every kind of number in its order, and texts to their zero", () => {
  const bytes = "0c00 0100 0102030405060000 0800 0200 77006363 0800 0300 ffffff00";
  const reader = new AttributeReader().read(hex(bytes));
  expect(reader.u64(1)).toBe(0x0605 * 2 ** 32 + 0x04030201);
  expect(reader.u32(1, 4)).toBe(0x0605);
  expect(reader.text(2)).toBe("w");
  expect(reader.be32(3)).toBe(0xffff_ff00);
});

test("AttributeReader finds nothing inside an attribute that is not there", () => {
  const parent = new AttributeReader().read(hex("0c00 0100 0500 0200 07000000"));
  const nested = new AttributeReader();
  expect(nested.readNested(parent, 1).u8(2)).toBe(7);
  expect(nested.readNested(parent, 5).has(2)).toBe(false);
});
