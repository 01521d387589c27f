/** Rejecting replays. */
import { describe, expect, test } from "bun:test";
import { NODE_PATHS_MAX, NODES_MAX } from "../../../src/core/limits.ts";
import { createReplayGuard, RUNS_MAX } from "../../../src/shell/pulse/replay_guard.ts";

const FROM = "00000000000000aa";
const at = (boot: number, sequence: number, from = FROM) => ({ from, boot, sequence });

describe("createReplayGuard", () => {
  const cases = [
    { name: "accepts the next sequence", first: at(5, 10), second: at(5, 11), accepted: true },
    { name: "accepts a gap", first: at(5, 10), second: at(5, 500), accepted: true },
    { name: "rejects the same again", first: at(5, 10), second: at(5, 10), accepted: false },
    { name: "rejects an older sequence", first: at(5, 10), second: at(5, 9), accepted: false },
    {
      name: "accepts a later boot that counts anew",
      first: at(5, 10),
      second: at(6, 0),
      accepted: true,
    },
    { name: "leaves an earlier run to others", first: at(5, 10), second: at(4, 9), accepted: true },
    {
      name: "counts each sender for itself",
      first: at(5, 10),
      second: at(5, 10, "00000000000000bb"),
      accepted: true,
    },
  ];
  for (const { name, first, second, accepted } of cases) {
    test(name, () => {
      const guard = createReplayGuard();
      expect(guard.accept(first, "192.0.2.1")).toBe(true);
      expect(guard.accept(second, "192.0.2.1")).toBe(accepted);
    });
  }

  test("accepts one pulse once on each path", () => {
    const guard = createReplayGuard();
    expect(guard.accept(at(5, 10), "192.0.2.1")).toBe(true);
    expect(guard.accept(at(5, 10), "198.51.100.1")).toBe(true);
    expect(guard.accept(at(5, 10), "198.51.100.1")).toBe(false);
  });

  test("rejects what was heard of an earlier run, however many came since", () => {
    const guard = createReplayGuard();
    for (let boot = 1; boot <= RUNS_MAX; boot++) guard.accept(at(boot, 10), "192.0.2.1");
    expect(guard.accept(at(1, 10), "192.0.2.1")).toBe(false);
    expect(guard.accept(at(1, 11), "192.0.2.1")).toBe(true);
  });

  test("forgets runs of a sender that makes too many, and of no other one", () => {
    const guard = createReplayGuard();
    const other = "00000000000000bb";
    guard.accept(at(5, 10, other), "192.0.2.1");
    for (let boot = 1; boot <= 2_000; boot++) guard.accept(at(boot, 10), "192.0.2.1");
    expect(guard.accept(at(5, 10, other), "192.0.2.1")).toBe(false);
    expect(guard.accept(at(2_000, 10), "192.0.2.1")).toBe(false);
    expect(guard.accept(at(1, 10), "192.0.2.1")).toBe(true);
  });

  test("forgets the sender it has not heard for longest when there are too many", () => {
    const guard = createReplayGuard();
    for (let number = 0; number <= NODES_MAX * NODE_PATHS_MAX; number++) {
      guard.accept(at(5, 10, number.toString(16).padStart(16, "0")), "192.0.2.1");
    }
    expect(guard.accept(at(5, 10, "0".repeat(16)), "192.0.2.1")).toBe(true);
    expect(guard.accept(at(5, 10, "2".padStart(16, "0")), "192.0.2.1")).toBe(false);
  });
});
