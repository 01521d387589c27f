/** What is asked of the LAN beside VIPs. */
import { expect, test } from "bun:test";
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { WitnessLane } from "../../src/agent/witness_lane.ts";
import { OWN_ADDRESS_MS } from "../../src/core/timing.ts";
import { WARNING_MS } from "../../src/core/cluster/warnings.ts";
import { recordNotices } from "../support/recorded_notices.ts";
import { addressOf, LAN, modelNode, NOW, viewOf } from "../support/cluster_views.ts";

for (const director of [true, false]) {
  test(`a node that is ${director ? "a" : "no"} director asks now and then who else has its address`, () => {
    const asked: string[] = [];
    const lane = new WitnessLane({
      addresses: { gateway: () => null },
      neighbours: { ask: (address, name) => void asked.push(`${address} on ${name}`) },
      troubles: kernelTroubles({ ...recordNotices(), error() {} }),
      tell() {},
    });
    const state = viewOf([modelNode(1, { director })], 1, { services: [] });
    for (let ms = 0; ms < 2 * OWN_ADDRESS_MS; ms += 100) lane.apply(state, NOW + ms);
    expect(asked).toEqual([`${addressOf(1)} on ${LAN}`, `${addressOf(1)} on ${LAN}`]);
    // What people are told does not come and go.
    expect(OWN_ADDRESS_MS).toBeLessThan(WARNING_MS);
  });
}
