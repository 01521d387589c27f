/** Records as bytes, honest and not. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import { RECORD_BYTES_MAX } from "../../../src/core/cluster/record.ts";
import { decodeRecord, encodeRecord } from "../../../src/shell/gossip/record_codec.ts";
import { sampleRecord, verdictsOfBytes } from "../../support/sample_record.ts";

const packr = new Packr({ useRecords: false });
const pack = (value: unknown) => Uint8Array.from(packr.pack(value));

describe("encodeRecord and decodeRecord", () => {
  test("a record comes back as it was", () => {
    const record = sampleRecord();
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  test("a large record comes back as it was", () => {
    const record = sampleRecord({ verdicts: verdictsOfBytes(400_000) });
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  test("a record over the limit is a programmer's error going out, and dropped coming in", () => {
    const record = sampleRecord({ verdicts: verdictsOfBytes(RECORD_BYTES_MAX + 300_000) });
    expect(() => encodeRecord(record)).toThrow(RangeError);
    expect(decodeRecord(pack(record))).toBe("size");
  });

  test("a field of a newer version is dropped, the rest is read", () => {
    expect(decodeRecord(pack({ ...sampleRecord(), format: 2, future: { a: [1] } }))).toEqual(
      sampleRecord({ format: 2 }),
    );
  });

  const wrong = [
    { name: "a field is missing", value: withoutName() },
    { name: "an address is not canonical", value: sampleRecord({ paths: [path("192.0.2.01")] }) },
    { name: "there is no path", value: sampleRecord({ paths: [] }) },
    { name: "the boot number is not whole", value: sampleRecord({ boot: 1.5 }) },
    { name: "the id is too long", value: sampleRecord({ id: "0".repeat(17) }) },
    { name: "it is a list", value: [sampleRecord()] },
    { name: "it is null", value: null },
  ];
  for (const { name, value } of wrong) {
    test(`says "schema" when ${name}`, () => expect(decodeRecord(pack(value))).toBe("schema"));
  }

  test("never throws, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(["malformed", "schema"]).toContain(problemOf(decodeRecord(bytes)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("never throws on a record with some bytes changed, and pollutes no prototype", () => {
    const good = encodeRecord(sampleRecord());
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(changes, (list) => {
        const bytes = good.slice();
        for (const [at, value] of list) bytes[at] = value;
        const decoded = decodeRecord(bytes);
        expect(typeof decoded === "string" || decoded.format >= 1).toBe(true);
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});

function withoutName(): object {
  const { name: _name, ...rest } = sampleRecord();
  return rest;
}

function path(address: string) {
  return { interface: "eth0", address, prefixLength: 24 };
}

function problemOf(decoded: ReturnType<typeof decodeRecord>): string {
  return typeof decoded === "string" ? decoded : "none";
}
