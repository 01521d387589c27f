/**
 * Who takes a VIP that has just been added: one node knows of it before all others do.
 */
import { describe, expect, test } from "bun:test";
import type { Decision } from "../../../src/core/cluster/decision.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import type { State } from "../../../src/core/state.ts";
import { AWAITED_MS_MAX } from "../../../src/core/timing.ts";
import {
  hold,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";
import { Run } from "../../support/virtual_run.ts";

/** In the same group as {@link VIP}, and told of by everybody. */
const OTHER_VIP = "10.0.0.101";
/** Long ago: who has just started waits for its peers' word for reasons of its own. */
const RUNNING_SINCE_MS = NOW - 60_000;

/** The first node's view; no peer has said yet that it knows the VIP. The LAN was asked, and nobody answered. */
function known(...peers: readonly ModelNode[]): State {
  const state = viewOf([modelNode(1), ...peers], 1, {
    services: [service(), service({ address: OTHER_VIP })],
    vips: [VIP, OTHER_VIP].map((address) => vipEntry({ address, group: "web" })),
  });
  state.phaseMs = RUNNING_SINCE_MS;
  for (const peer of state.peers.values()) {
    const { [VIP]: _, ...vips } = peer.record.vips;
    peer.record = { ...peer.record, vips };
  }
  return state;
}

const decide = (...peers: readonly ModelNode[]): Decision =>
  decideOwnership(known(...peers), VIP, NOW);

describe("a VIP of which no peer has said that it knows it", () => {
  test("is left to the peer that is preferred", () => {
    expect(decide(modelNode(2, { priority: 110 }))).toEqual({
      act: "wait",
      reason: "n2 is preferred, and has not said yet that it knows the VIP",
      awaits: idOf(2),
    });
  });

  test.each([
    ["worse", { priority: 90 }],
    ["no director", { priority: 110, director: false }],
    ["leaving", { priority: 110, phase: "leaving" }],
    ["dead", { priority: 110, life: "dead" }],
    ["unfit for another VIP of the group", { priority: 110, unfit: "eth0 is down" }],
  ] as [string, Partial<ModelNode>][])("is taken beside a peer that is %s", (_what, fields) => {
    expect(decide(modelNode(2, fields)).act).toBe("claim");
  });

  test("is taken by who knows it if it was held before: pulses may reach a node that the document does not", () => {
    const state = known(modelNode(2, { priority: 110 }));
    state.epochs.set(VIP, 1);
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim", epoch: 2 });
  });

  test("is handed over to a peer only once it says so", () => {
    const state = known(modelNode(2, { priority: 110 }));
    state.holds.set(VIP, hold({ epoch: 4 }));
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "hold", successor: null });
  });
});

test("a peer that never says that it knows the VIP is passed over in the end", () => {
  const run = new Run([modelNode(1), modelNode(2, { priority: 110 })]);
  run.state.phaseMs = RUNNING_SINCE_MS;
  const peer = run.state.peers.get(idOf(2))!;
  peer.record = { ...peer.record, vips: {} };
  run.pass(AWAITED_MS_MAX, [[2]]);
  expect(run.hold).toBeUndefined();
  run.pass(110, [[2]]);
  expect(run.hold?.phase).toBe("holding");
});
