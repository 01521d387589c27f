/**
 * VIPs that are held together: the first of a group leads, the others follow.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EPOCH_MAX } from "../../../src/core/limits.ts";
import { unfitReason } from "../../../src/core/cluster/member.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import type { Claim } from "../../../src/core/cluster/pulse.ts";
import type { Hold, State } from "../../../src/core/state.ts";
import { LEAVE_WAIT_MS } from "../../../src/core/timing.ts";
import { arbitraryCluster, present, VIPS } from "../../support/arbitrary_cluster.ts";
import {
  hold,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  type Shared,
  viewOf,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";

const [, SECOND = "", THIRD = ""] = VIPS;
const SHARED: Shared = {
  services: VIPS.map((address) => service({ address })),
  vips: VIPS.map((address) => vipEntry({ address, group: address === THIRD ? null : "web" })),
};

function held(...vips: [vip: string, epoch: number][]): ModelNode["holds"] {
  return new Map(vips.map(([vip, epoch]) => [vip, { epoch, phase: "holding" as const }]));
}

function decide(model: readonly ModelNode[], index: number, vip: string, shared = SHARED) {
  return decideOwnership(viewOf(model, index, shared), vip, NOW);
}

describe("a VIP that follows", () => {
  const both = held([VIP, 3], [SECOND, 3]);

  test("is held where the first of its group is held", () => {
    expect(decide([modelNode(1, { holds: both }), modelNode(2)], 1, SECOND)).toEqual({
      act: "hold",
      reason: `moves with ${VIP}, which this node holds`,
      successor: null,
    });
  });

  test("is claimed at once by who holds the first, with an epoch above all that were seen", () => {
    const model = [modelNode(1, { holds: held([VIP, 3]) }), modelNode(2)];
    const epochs = new Map([[SECOND, 8]]);
    expect(decide(model, 1, SECOND, { ...SHARED, epochs }))
      .toMatchObject({ act: "claim", epoch: 9 });
    const last = new Map([[SECOND, EPOCH_MAX]]);
    expect(decide(model, 1, SECOND, { ...SHARED, epochs: last })).toMatchObject({
      epoch: EPOCH_MAX,
    });
  });

  test("is handed over by a live node that holds it without the first, and claimed when that yields", () => {
    const before = [
      modelNode(1, { holds: held([VIP, 3]) }),
      modelNode(2, { holds: held([SECOND, 7]) }),
    ];
    expect(decide(before, 1, SECOND)).toEqual({
      act: "wait",
      reason: `n2 will hand it over, as ${VIP} is here`,
    });
    expect(decide(before, 2, SECOND)).toEqual({
      act: "hold",
      reason: `moves with ${VIP}: handing it over to n1, which holds that`,
      successor: idOf(1),
    });
    const state = viewOf(before, 1, SHARED);
    const claims = state.peers.get(idOf(2))?.life.claims as Map<string, Claim>;
    claims.set(SECOND, { epoch: 7, yielding: true });
    expect(decideOwnership(state, SECOND, NOW)).toMatchObject({ act: "claim", epoch: 8 });
    const both = modelNode(1, { holds: held([VIP, 3], [SECOND, 8]) });
    expect(decide([both, before[1] as ModelNode], 2, SECOND).act).toBe("release");
  });

  test("is let go at once by who cannot have it, or has waited long enough to leave", () => {
    const model = [
      modelNode(1, { holds: held([VIP, 3]) }),
      modelNode(2, { holds: held([SECOND, 7]) }),
    ];
    const unfit = viewOf(model, 2, SHARED);
    unfit.placements.set(SECOND, { interface: "eth1", unfit: "interface eth1 is down" });
    expect(decideOwnership(unfit, SECOND, NOW).act).toBe("release");
    const leaving = viewOf(model, 2, SHARED);
    leaving.phase = "leaving";
    leaving.phaseMs = NOW - 1;
    expect(decideOwnership(leaving, SECOND, NOW).act).toBe("hold");
    expect(decideOwnership(leaving, SECOND, NOW + LEAVE_WAIT_MS).act).toBe("release");
  });

  test("stays with who holds the first, even where another claim is higher", () => {
    const model = [
      modelNode(1, { holds: both }),
      modelNode(2, { holds: held([SECOND, 9]) }),
    ];
    expect(decide(model, 1, SECOND).act).toBe("hold");
    expect(decide(model, 2, SECOND).act).toBe("release");
  });

  test("waits while nobody holds the first", () => {
    const model = [modelNode(1), modelNode(2)];
    for (const index of [1, 2]) expect(decide(model, index, SECOND).act).toBe("wait");
  });

  test("is let go with the first", () => {
    const settling = new Map<string, Pick<Hold, "epoch" | "phase">>([
      [VIP, { epoch: 3, phase: "settling" }],
      [SECOND, { epoch: 3, phase: "holding" }],
    ]);
    expect(decide([modelNode(1, { holds: settling })], 1, SECOND).act).toBe("release");
  });

  test("is handed over with the first", () => {
    const model = [modelNode(1, { holds: both, phase: "leaving" }), modelNode(2)];
    const state = viewOf(model, 1, SHARED);
    expect(state.holds.get(VIP)?.successor).toBe(idOf(2));
    expect(decideOwnership(state, SECOND, NOW)).toMatchObject({ act: "hold", successor: idOf(2) });
  });

  test("follows no order of its own", () => {
    const moves = [{ vip: SECOND, to: idOf(2), fromEpoch: 3 }];
    const model = [modelNode(1, { holds: both }), modelNode(2)];
    expect(decide(model, 1, SECOND, { ...SHARED, moves })).toMatchObject({ successor: null });
  });
});

describe("a node that cannot have one VIP of a group", () => {
  const why = "interface eth1 is down";
  function unfit(state: State, vip: string): State {
    state.placements.set(vip, { interface: "eth1", unfit: why });
    return state;
  }

  test("cannot have the others, and says which one it is", () => {
    const state = unfit(viewOf([modelNode(1)], 1, SHARED), SECOND);
    expect(unfitReason(state, SECOND)).toBe(why);
    expect(unfitReason(state, VIP)).toBe(`${why} (${SECOND}, of the same group)`);
    expect(unfitReason(state, THIRD)).toBeNull();
  });

  test("lets go of the first one", () => {
    const model = [modelNode(1, { holds: held([VIP, 3], [SECOND, 3], [THIRD, 3]) }), modelNode(2)];
    const state = unfit(viewOf(model, 1, SHARED), SECOND);
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({
      act: "release",
      reason: `this node is unfit: ${why} (${SECOND}, of the same group)`,
    });
    expect(decideOwnership(state, THIRD, NOW).act).toBe("hold");
  });

  test("is no candidate for the others", () => {
    const state = viewOf([modelNode(1), modelNode(2, { priority: 200 })], 1, SHARED);
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ reason: "n2 is preferred" });
    const peer = state.peers.get(idOf(2));
    if (peer === undefined) throw new Error("no peer");
    peer.record = { ...peer.record, vips: { ...peer.record.vips, [SECOND]: why } };
    expect(decideOwnership(state, VIP, NOW).act).toBe("claim");
    // Who has not heard of a VIP cannot have it yet; nor those that were held with it until now.
    peer.record = { ...peer.record, vips: { [VIP]: null, [THIRD]: null } };
    state.epochs.set(VIP, 1);
    expect(decideOwnership(state, VIP, NOW).act).toBe("claim");
  });
});

test("of any cluster, whoever holds a follower is who holds the first, unless it is being handed over", () => {
  fc.assert(fc.property(arbitraryCluster(VIPS), (model) => {
    for (const { index } of present(model)) {
      const state = viewOf(model, index, SHARED);
      let onItsWay = false;
      // In the order of the tick: what was decided about the first is done before the second is asked about.
      for (const vip of [VIP, SECOND]) {
        const decision = decideOwnership(state, vip, NOW);
        if (decision.act === "claim") state.holds.set(vip, hold({ epoch: decision.epoch }));
        if (decision.act === "release") state.holds.delete(vip);
        onItsWay = (decision.act === "hold" && decision.successor !== null) ||
          (decision.act === "wait" && decision.reason.includes("will hand it over"));
      }
      if (onItsWay) continue;
      const [first, second] = [VIP, SECOND].map((vip) => state.holds.get(vip)?.phase === "holding");
      expect(second).toBe(first);
    }
  }));
});
