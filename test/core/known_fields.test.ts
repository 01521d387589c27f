import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { readKnown } from "../../src/core/known_fields.ts";

const target = z.union([
  z.strictObject({ node: z.string() }),
  z.strictObject({ address: z.string(), port: z.int() }),
]);
const schema = z.strictObject({
  name: z.string(),
  target,
  list: z.array(z.strictObject({ n: z.int() })).default([]),
});
const GOOD = { name: "a", target: { node: "n1" }, list: [{ n: 1 }, { n: 2 }] };

describe("readKnown", () => {
  const later: [what: string, value: unknown, unknown: readonly PropertyKey[][]][] = [
    ["nothing", GOOD, []],
    ["a field", { ...GOOD, colour: 1 }, [["colour"]]],
    ["a field in a field", { ...GOOD, target: { node: "n1", rack: {} } }, [["target", "rack"]]],
    ["a field in a list", { ...GOOD, list: [{ n: 1 }, { n: 2, m: 3 }] }, [["list", 1, "m"]]],
    ["fields everywhere", { ...GOOD, x: 1, y: 2, target: { node: "n1", z: 3 } }, [
      ["target", "z"],
      ["x"],
      ["y"],
    ]],
  ];
  test.each(later)("passes over %s", (_what, value, unknown) => {
    expect(readKnown(schema, value)).toEqual({ value: GOOD, unknown });
  });

  const wrong: [what: string, value: unknown][] = [
    ["a value that is wrong", { ...GOOD, name: 1 }],
    ["one that is wrong beside a field that is unknown", { ...GOOD, name: 1, colour: 1 }],
    ["a field that is missing", { name: "a", colour: 1 }],
    ["a union of which nothing fits", { ...GOOD, target: { rack: 1 } }],
    ["no object", 7],
  ];
  test.each(wrong)("refuses %s", (_what, value) => {
    expect("problem" in readKnown(schema, value)).toBe(true);
  });

  test("takes what the schema takes as it is, and never throws", () => {
    fc.assert(fc.property(fc.oneof(fc.anything(), fc.constant(GOOD)), (value) => {
      const parsed = schema.safeParse(value);
      const read = readKnown(schema, value);
      if (parsed.success) expect(read).toEqual({ value: parsed.data, unknown: [] });
    }));
  });
});
