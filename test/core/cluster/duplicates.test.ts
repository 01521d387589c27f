/** Addresses that this node and another machine have: what is asked for, and when people are told. */
import { describe, expect, test } from "bun:test";
import { ownAddresses, SETTLED_HOLD_MS } from "../../../src/core/cluster/duplicates.ts";
import { currentWarnings } from "../../../src/core/cluster/warnings.ts";
import { asideReason } from "../../../src/core/document/forgotten.ts";
import type { Hold } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import {
  addressOf,
  hold,
  holding,
  LAN,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

const MAC = "02:00:00:00:00:99";
const model = [modelNode(1, { holds: holding(3) }), modelNode(2)];

/** What node 1 warns of after an answer for an address. */
function warningsAfter(address: string, held: Partial<Hold> = {}, index = 1): string {
  const state = viewOf(model, index, { services: [service()] });
  if (state.holds.has(VIP)) state.holds.set(VIP, hold(held));
  step(state, { kind: "answer", vip: address, mac: MAC }, NOW);
  expect(asideReason(state)).toBeNull();
  return currentWarnings(state, NOW).join("\n");
}

describe("an address that another machine has, too", () => {
  test("is asked for where it is: a node's own, and the VIPs it holds", () => {
    const own = (index: number) => ({ address: addressOf(index), interface: LAN });
    const shared = { services: [service()] };
    expect(ownAddresses(viewOf(model, 1, shared))).toEqual([own(1), {
      address: VIP,
      interface: LAN,
    }]);
    expect(ownAddresses(viewOf(model, 2, shared))).toEqual([own(2)]);
  });

  test("is told with the MAC address of the other, and what to do", () => {
    expect(warningsAfter(addressOf(1))).toContain(`${MAC}, has this node's address 10.0.0.1; give`);
    expect(warningsAfter(VIP)).toContain(
      `${MAC}, answers for the VIP ${VIP}, which this node holds, so clients reach the one or`,
    );
  });

  test.each<[what: string, held: Partial<Hold>]>([
    ["while the lease of an earlier holder may last", { sinceMs: NOW - SETTLED_HOLD_MS + 1 }],
    ["while two nodes of the cluster settle who keeps it", { rival: true }],
    ["that is being let go", { phase: "settling" }],
    ["that was let go", { phase: "lingering" }],
  ])("is no matter for people: a VIP %s", (_what, held) => {
    expect(warningsAfter(VIP, held)).toBe("");
  });

  test("is none of this node's: another's own address, or a VIP that it does not hold", () => {
    expect(warningsAfter(addressOf(2))).toBe("");
    expect(warningsAfter(VIP, {}, 2)).toBe("");
  });
});
