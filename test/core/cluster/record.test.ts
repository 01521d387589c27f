import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  BOOT_MAX,
  EPOCH_MAX,
  NODE_PATHS_MAX,
  REASON_LENGTH_MAX,
  SERVICES_MAX,
  VIPS_MAX,
} from "../../../src/core/limits.ts";
import { isNewer, type NodeRecord, recordSchema } from "../../../src/core/cluster/record.ts";
import { sampleRecord } from "../../support/sample_record.ts";

const accepts = (record: unknown) => recordSchema.safeParse(record).success;
const VERDICT = { up: true, reason: "200", sinceMs: 0, tookMs: 1 };
const PATH = { interface: "eth0", address: "192.0.2.1", prefixLength: 24 };

/** So many VIPs, each with the value. */
function vips<Value>(count: number, value: Value): Record<string, Value> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`10.0.${index >> 8}.${index & 255}`, value]),
  );
}

function verdicts(count: number): NodeRecord["verdicts"] {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, VERDICT]));
}

describe("recordSchema", () => {
  test("takes a record as it is", () => {
    expect(recordSchema.parse(sampleRecord())).toEqual(sampleRecord());
  });

  test("takes a newer node's record without the fields it does not know", () => {
    const newer = { ...sampleRecord({ format: 2 }), colour: "blue" };
    expect(recordSchema.parse(newer)).toEqual(sampleRecord({ format: 2 }));
  });

  test("takes what only a later version knows for what does no harm", () => {
    // A node that does something unknown gets no VIP and no new connections.
    expect(recordSchema.parse({ ...sampleRecord(), phase: "asleep" }).phase).toBe("leaving");
    const advice = { words: "resting", state: "resting", mood: 7 };
    const told = { ...sampleRecord(), verdicts: { a: { ...VERDICT, advice, colour: 1 } } };
    expect(recordSchema.parse(told).verdicts.a).toEqual({
      ...VERDICT,
      advice: { words: "resting" },
    });
  });

  const atTheLimit: [what: string, fields: Partial<NodeRecord>][] = [
    ["paths", { paths: Array.from({ length: NODE_PATHS_MAX }, () => PATH) }],
    ["VIPs", { vips: vips(VIPS_MAX, null) }],
    ["claims", { claims: vips(VIPS_MAX, EPOCH_MAX) }],
    ["verdicts", { verdicts: verdicts(SERVICES_MAX) }],
    ["a reason", { verdicts: { a: { ...VERDICT, reason: "x".repeat(REASON_LENGTH_MAX) } } }],
    ["a priority of 0", { priority: 0 }],
    ["a priority of 255", { priority: 255 }],
    ["a name", { name: "n".repeat(63) }],
  ];
  test.each(atTheLimit)("takes %s at the limit", (_what, fields) => {
    expect(accepts(sampleRecord(fields))).toBe(true);
  });

  const wrong: [what: string, fields: Record<string, unknown>][] = [
    ["no path", { paths: [] }],
    ["too many paths", { paths: Array.from({ length: NODE_PATHS_MAX + 1 }, () => PATH) }],
    ["an address that is not canonical", { paths: [{ ...PATH, address: "2001:DB8::1" }] }],
    ["a path without an interface", { paths: [{ ...PATH, interface: "" }] }],
    ["an interface name no kernel has", { paths: [{ ...PATH, interface: "x".repeat(16) }] }],
    ["too many VIPs", { vips: vips(VIPS_MAX + 1, null) }],
    ["too many claims", { claims: vips(VIPS_MAX + 1, 1) }],
    ["a loopback VIP", { vips: { "127.0.0.1": null } }],
    ["a claim on what cannot be a VIP", { claims: { "224.0.0.1": 1 } }],
    ["an epoch beyond the highest", { claims: { "10.0.0.1": EPOCH_MAX + 1 } }],
    ["a negative epoch", { claims: { "10.0.0.1": -1 } }],
    ["an epoch with a fraction", { claims: { "10.0.0.1": 1.5 } }],
    ["too many verdicts", { verdicts: verdicts(SERVICES_MAX + 1) }],
    ["a reason that is too long", {
      verdicts: { a: { ...VERDICT, reason: "x".repeat(REASON_LENGTH_MAX + 1) } },
    }],
    ["a reason for a VIP that is too long", {
      vips: { "10.0.0.1": "x".repeat(REASON_LENGTH_MAX + 1) },
    }],
    ["an id that is none", { id: "AA" }],
    ["a name with a line feed", { name: "n1\n" }],
    ["a name that is too long", { name: "n".repeat(64) }],
    ["a cluster without a name", { cluster: "" }],
    ["a priority above 255", { priority: 256 }],
    ["port 0", { port: 0 }],
    ["a phase that is no word", { phase: "x".repeat(33) }],
    ["a negative boot", { boot: -1 }],
    ["a boot no node can count on from", { boot: BOOT_MAX + 1 }],
    ["a boot that is no number", { boot: "1" }],
    ["a format of 0", { format: 0 }],
    ["a document digest that is too long", { document: "x".repeat(65) }],
  ];
  test.each(wrong)("refuses %s", (_what, fields) => {
    expect(accepts({ ...sampleRecord(), ...fields })).toBe(false);
  });

  test("refuses a record without one of its fields", () => {
    for (const field of Object.keys(sampleRecord())) {
      const { [field as keyof NodeRecord]: _gone, ...rest } = sampleRecord();
      expect(accepts(rest)).toBe(false);
    }
  });

  test("never throws for what is no record", () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      expect(accepts(value)).toBe(false);
    }));
  });
});

describe("isNewer", () => {
  const cases: [a: [number, number], b: [number, number], newer: boolean][] = [
    [[1, 2], [1, 1], true],
    [[1, 1], [1, 2], false],
    [[1, 1], [1, 1], false],
    [[2, 0], [1, 9], true],
    [[1, 9], [2, 0], false],
  ];
  test.each(cases)("boot and sequence %j against %j: %p", ([boot, sequence], [b, s], newer) => {
    expect(isNewer({ boot, sequence }, { boot: b, sequence: s })).toBe(newer);
  });

  test("leaves one record, whatever the order of arrival", () => {
    const record = fc.record({ boot: fc.nat({ max: 3 }), sequence: fc.nat({ max: 3 }) });
    const newest = (records: readonly { boot: number; sequence: number }[]) =>
      records.reduce((kept, next) => isNewer(next, kept) ? next : kept);
    const arrivals = fc.array(record, { minLength: 1 });
    fc.assert(fc.property(arrivals, (records) => {
      expect(newest(records.toReversed())).toEqual(newest(records));
    }));
  });
});
