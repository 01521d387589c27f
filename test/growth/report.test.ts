/** What is made of the measurements: exponents, verdict, table and drawing. */
import { describe, expect, test } from "bun:test";
import { draw } from "./drawing.ts";
import { exponentOf, type Growth } from "./growth.ts";
import { tableOf, verdictOf } from "./report.ts";

/** A cluster whose holder sends so many pulses; the rest stays as it is. */
function row(nodes: number, holderPulsesOut: number): Growth {
  return {
    ...{ nodes, holderPulsesOut, kind: "real", otherPulsesOut: 1, pulseBytes: 100, records: 10 },
    ...{ messages: 11, detectMs: 400, takeoverMs: 400 },
  };
}

const sizes = [2, 5, 10, 20, 100];
const linear = sizes.map((nodes) => row(nodes, 10 * nodes));
const square = sizes.map((nodes) => row(nodes, nodes ** 2));

describe("growth", () => {
  test("has the exponent of its slope, from a size on", () => {
    expect(exponentOf(linear, "holderPulsesOut", 5)).toBeCloseTo(1);
    expect(exponentOf(square, "holderPulsesOut", 5)).toBeCloseTo(2);
    expect(exponentOf(linear, "pulseBytes", 5)).toBeCloseTo(0);
    expect(exponentOf(linear, "gossipBytes", 5)).toBeNull();
    expect(exponentOf(linear, "holderPulsesOut", 100)).toBeNull();
  });

  /** With every cost, as on a machine that carries some sizes. */
  const whole = linear.map((one): Growth => ({
    ...one,
    ...{ gossipBytes: 1_000, holderProcessor: 5, otherProcessor: 5 },
    ...{ memoryMb: 90, editProcessorMs: 2 },
  }));

  test("is not allowed while a cost is not known", () => {
    expect(verdictOf(linear).ok).toBe(false);
    expect(verdictOf(linear).text).toContain("NOT EVERY COST OF A NODE IS KNOWN");
  });

  test("in proportion is allowed, with the square it is not", () => {
    expect(verdictOf(whole).ok).toBe(true);
    expect(verdictOf(square).ok).toBe(false);
    expect(verdictOf(square).text).toContain("pulses/s holder  nodes^2.00");
  });

  test("is a table with a line per size, and a drawing with a point per figure that is known", () => {
    expect(tableOf(linear).split("\n")).toHaveLength(1 + sizes.length);
    const points = draw(linear).match(/<circle/g);
    // Pulses of both, records, takeovers.
    expect(points).toHaveLength(4 * sizes.length);
    expect(draw(linear)).not.toContain("NaN");
  });
});
