/** Telling plain MessagePack from the rest. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import { isPlainMsgpack } from "../../../src/shell/gossip/plain_msgpack.ts";

const packr = new Packr({ useRecords: false, moreTypes: true });
const pack = (value: unknown) => Uint8Array.from(packr.pack(value));

describe("isPlainMsgpack", () => {
  test("takes every value that JSON knows", () => {
    const value = fc.jsonValue({ maxDepth: 4 }).filter((json) =>
      !JSON.stringify(json).includes("__proto__")
    );
    fc.assert(fc.property(value, (json) => {
      expect(isPlainMsgpack(pack(json))).toBe(true);
    }));
  });

  test("takes every head of the specification", () => {
    const heads = [
      [0x00],
      [0x7f],
      [0xe0],
      [0x80],
      [0x90],
      [0xa0],
      [0xc0],
      [0xc2],
      [0xc3],
      [0xca, 0, 0, 0, 0],
      [0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
      [0xcc, 0],
      [0xcd, 0, 0],
      [0xce, 0, 0, 0, 0],
      [0xcf, 0, 0, 0, 0, 0, 0, 0, 0],
      [0xd0, 0],
      [0xd1, 0, 0],
      [0xd2, 0, 0, 0, 0],
      [0xd3, 0, 0, 0, 0, 0, 0, 0, 0],
      [0xd9, 1, 0x41],
      [0xda, 0, 1, 0x41],
      [0xdb, 0, 0, 0, 1, 0x41],
      [0xdc, 0, 1, 0xc0],
      [0xdd, 0, 0, 0, 1, 0xc0],
      [0xde, 0, 1, 0xa1, 0x41, 0xc0],
      [0xdf, 0, 0, 0, 1, 0xa1, 0x41, 0xc0],
    ];
    for (const head of heads) {
      expect({ head, plain: isPlainMsgpack(Uint8Array.from(head)) }).toEqual({ head, plain: true });
      // One byte less is cut off, one more is left over.
      expect(isPlainMsgpack(Uint8Array.from(head.slice(0, -1)))).toBe(false);
      expect(isPlainMsgpack(Uint8Array.from([...head, 0xc0]))).toBe(false);
    }
  });

  const rejected: { name: string; bytes: Uint8Array }[] = [
    { name: "nothing", bytes: new Uint8Array(0) },
    { name: "the byte that is never used", bytes: Uint8Array.of(0xc1) },
    { name: "a date", bytes: pack({ at: new Date(0) }) },
    { name: "a set", bytes: pack(new Set([1])) },
    { name: "a regular expression", bytes: pack([/x/]) },
    { name: "an error", bytes: pack(new Error("x")) },
    { name: "binary data", bytes: pack(Uint8Array.of(1)) },
    { name: "a record class", bytes: pack1({ useRecords: true }, { a: 1 }) },
    { name: "a map with a number as key", bytes: Uint8Array.of(0x81, 0x01, 0xc0) },
    { name: "a map that sets the prototype", bytes: proto() },
    { name: "an array longer than the bytes", bytes: Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff) },
    { name: "a map longer than the bytes", bytes: Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff) },
    { name: "a string longer than the bytes", bytes: Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff) },
    { name: "a tower of arrays", bytes: new Uint8Array(100_000).fill(0x91) },
  ];
  for (const { name, bytes } of rejected) {
    test(`rejects ${name}`, () => expect(isPlainMsgpack(bytes)).toBe(false));
  }
});

function pack1(options: object, value: unknown): Uint8Array {
  return Uint8Array.from(new Packr(options).pack(value));
}

function proto(): Uint8Array {
  const key = new TextEncoder().encode("__proto__");
  return Uint8Array.of(0x81, 0xa0 | key.length, ...key, 0x80);
}
