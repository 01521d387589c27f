/** What kernels refuse and what somebody else takes away, in the middle of what has hurt before. */
import { expect, test } from "bun:test";
import { faultKinds } from "./faults/mod.ts";
import { type PlannedFault, planOf } from "./plan.ts";
import { play } from "./play.ts";
import { traceText } from "./trace.ts";

function outcome(seed: number, faults: readonly PlannedFault[]): string | null {
  const { failure, trace } = play({ ...planOf(seed), faults });
  return failure === null ? null : `${failure.invariant}: ${failure.what}\n${traceText(trace)}`;
}

// A node whose kernel did not switch the bypass on took itself for bypassed, kept its whole table ready, and forwarded
// what the next holder forwarded to it.
test("no loop when a kernel refuses the switch with which a former holder is bypassed", () => {
  expect(outcome(1, [
    {
      kind: "refused",
      atMs: 500,
      lastsMs: 9_000,
      data: { node: "n2", call: "sysctl.write", code: "EACCES" },
    },
    { kind: "moveVip", atMs: 1_000, lastsMs: 0, data: { at: "n1", which: 0, to: "n1" } },
    { kind: "kill", atMs: 5_000, lastsMs: 300, data: { node: "n1" } },
  ])).toBeNull();
});

/** Faults one after the other, each alone: what is repaired within the bound is repaired by itself. */
const ALONE_MS = 9_000;

test.each(faultKinds.filter(({ about }) => about === "kernel"))("$name is repaired", (kind) => {
  const { shape } = planOf(3);
  const nodes = shape.nodes.map((_, index) => `n${index + 1}`);
  const faults = nodes.map((node, index): PlannedFault => ({
    kind: kind.name,
    atMs: index * ALONE_MS,
    lastsMs: kind.lasts ? 1_000 : 0,
    data: { node, which: 0, interface: "eth0", call: "addresses.put", code: "EBUSY", turns: 2 },
  }));
  expect(outcome(3, faults)).toBeNull();
});
