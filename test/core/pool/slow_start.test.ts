import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { desiredRow } from "../../../src/core/desired/desired_row.ts";
import { shareAfter, stepsOf } from "../../../src/core/pool/slow_start.ts";
import { growShares, noteRises, SLOW_START_CALM_MS } from "../../../src/core/pool/rises.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import { SLOW_START_MS_MAX, SLOW_START_MS_MIN } from "../../../src/core/service/transition.ts";
import {
  holding,
  modelNode,
  NOW,
  service,
  viewOf,
  weightsByAddress,
} from "../../support/cluster_views.ts";

const SERVICE = service({ slowStartMs: 10_000 });
const KEY = serviceKey(SERVICE);

function holder() {
  const state = viewOf([modelNode(1, { holds: holding(1) }), modelNode(2)], 1, {
    services: [SERVICE],
  });
  const set = (up: boolean) => {
    const history = state.own.get(KEY);
    if (history !== undefined) state.own.set(KEY, { ...history, up });
  };
  const weight = () => weightsByAddress(desiredRow(state, SERVICE).service.servers)["10.0.0.1:80"];
  return { state, set, weight };
}

test("a share grows in steps from above zero to one, never faster than a step a second", () => {
  fc.assert(
    fc.property(fc.integer({ min: SLOW_START_MS_MIN, max: SLOW_START_MS_MAX }), (slowStartMs) => {
      const steps = stepsOf(slowStartMs);
      expect(slowStartMs / steps).toBeGreaterThanOrEqual(1_000);
      const shares = Array.from(
        { length: 101 },
        (_, n) => shareAfter(slowStartMs, slowStartMs * n / 100),
      );
      expect(shares[0]).toBeGreaterThan(0);
      expect(shares.at(-1)).toBe(1);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
      expect(new Set(shares).size).toBeLessThanOrEqual(steps + 1);
    }),
  );
});

describe("a server", () => {
  test("that is up when it is first seen has its whole weight", () => {
    const { state, weight } = holder();
    expect(noteRises(state, NOW)).toBe(false);
    expect(weight()).toBe(100);
  });

  test("that comes up gets little at first, and all in the end", () => {
    const { state, set, weight } = holder();
    noteRises(state, NOW);
    set(false);
    noteRises(state, NOW + 1_000);
    expect(weight()).toBe(0);
    set(true);
    expect(noteRises(state, NOW + 2_000)).toBe(true);
    expect(weight()).toBe(9);
    expect(growShares(state, NOW + 2_500)).toBe(false);
    expect(growShares(state, NOW + 3_000)).toBe(true);
    expect(weight()).toBe(18);
    expect(noteRises(state, NOW + 3_000)).toBe(false);
    expect(weight()).toBe(18);
    expect(growShares(state, NOW + 12_000)).toBe(true);
    expect(weight()).toBe(100);
    expect(growShares(state, NOW + 20_000)).toBe(false);
  });

  test("of which nobody knows anything yet is not slow", () => {
    const { state, weight } = holder();
    const history = state.own.get(KEY);
    state.own.clear();
    noteRises(state, NOW);
    if (history !== undefined) state.own.set(KEY, history);
    noteRises(state, NOW + 1_000);
    expect(weight()).toBe(100);
  });

  test.each([
    ["soon after this node has started is not slow", SLOW_START_CALM_MS - 1, 100],
    ["later is", SLOW_START_CALM_MS, 9],
  ])("that was never seen up and comes up %s", (_, elapsedMs, expected) => {
    const { state, set, weight } = holder();
    set(false);
    noteRises(state, state.startedMs);
    set(true);
    noteRises(state, state.startedMs + elapsedMs);
    expect(weight()).toBe(expected);
  });
});
