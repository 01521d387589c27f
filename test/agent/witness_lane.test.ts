/** What is asked of the LAN beside VIPs. */
import { expect, test } from "bun:test";
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { WitnessLane } from "../../src/agent/witness_lane.ts";
import { OWN_ADDRESS_MS } from "../../src/core/timing.ts";
import { WARNING_MS } from "../../src/core/cluster/warnings.ts";
import { recordNotices } from "../support/recorded_notices.ts";
import { addressOf, hold, LAN, modelNode, NOW, viewOf } from "../support/cluster_views.ts";

interface Asked {
  readonly lane: WitnessLane;
  /** Every question, in order. */
  readonly asked: string[];
}

function laneThatAsks(): Asked {
  const asked: string[] = [];
  const lane = new WitnessLane({
    addresses: { gateway: () => null },
    neighbours: { ask: (address, name) => void asked.push(`${address} on ${name}`) },
    troubles: kernelTroubles({ ...recordNotices(), error() {} }),
    tell() {},
  });
  return { lane, asked };
}

for (const director of [true, false]) {
  test(`a node that is ${director ? "a" : "no"} director asks now and then who else has its address`, () => {
    const { lane, asked } = laneThatAsks();
    const state = viewOf([modelNode(1, { director })], 1, { services: [] });
    for (let ms = 0; ms < 2 * OWN_ADDRESS_MS; ms += 100) lane.apply(state, NOW + ms);
    expect(asked).toEqual([`${addressOf(1)} on ${LAN}`, `${addressOf(1)} on ${LAN}`]);
    // What people are told does not come and go.
    expect(OWN_ADDRESS_MS).toBeLessThan(WARNING_MS);
  });
}

test("many VIPs are asked for a few at a time, each once in a round", () => {
  const { lane, asked } = laneThatAsks();
  const state = viewOf([modelNode(1)], 1, { services: [] });
  const vips = Array.from({ length: 100 }, (_, index) => `10.0.1.${index}`);
  for (const vip of vips) {
    state.holds.set(vip, hold());
    state.placements.set(vip, { interface: "eth1", unfit: null });
  }
  const turns = Array.from({ length: 20 }, (_, turn) => {
    const before = asked.length;
    lane.apply(state, NOW + 40 * turn);
    return asked.length - before;
  });
  expect(Math.max(...turns)).toBeLessThan(20);
  expect(asked.toSorted()).toEqual(
    [`${addressOf(1)} on ${LAN}`, ...vips.map((vip) => `${vip} on eth1`)].toSorted(),
  );
});
