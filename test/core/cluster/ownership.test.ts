import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { incumbentOf } from "../../../src/core/cluster/candidates.ts";
import { type Decision } from "../../../src/core/cluster/decision.ts";
import { presentMembers } from "../../../src/core/cluster/member.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { EPOCH_MAX } from "../../../src/core/limits.ts";
import type { State } from "../../../src/core/state.ts";
import {
  LEAVE_WAIT_MS,
  MEET_MS_MAX,
  READY_MS_MAX,
  WITNESS_ANSWER_MS,
  WITNESS_ASK_MS,
  WITNESS_STALE_MS,
} from "../../../src/core/timing.ts";
import { arbitraryCluster, present } from "../../support/arbitrary_cluster.ts";
import {
  hold,
  holding,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

const SHARED = { services: [service()] };

function decide(
  model: readonly ModelNode[],
  index: number,
  fields: { epochs?: Map<string, number> } = {},
): Decision {
  return decideOwnership(viewOf(model, index, { ...SHARED, ...fields }), VIP, NOW);
}

function decisions(
  model: readonly ModelNode[],
  fields: Parameters<typeof decide>[2] = {},
): Map<number, Decision> {
  return new Map(present(model).map(({ index }) => [index, decide(model, index, fields)]));
}

/** Whether the node could take the VIP. */
function able(node: ModelNode): boolean {
  return node.director && node.unfit === null && node.phase === "running";
}

/** Whether its pulses claim the VIP; `firm`: without being ready for a successor. */
function claims(node: ModelNode, firm = false): boolean {
  const phase = node.holds.get(VIP)?.phase;
  return phase === "holding" || (phase === "settling" && !firm);
}

/** The node was invited to take the VIP just now, and its table is ready. */
function invite(state: State): void {
  state.invitedMs.set(VIP, NOW);
  state.settledVersion = state.tableVersion;
}

describe("of any cluster in which everybody sees the same", () => {
  test("at most one node claims, and no node that may not", () => {
    fc.assert(fc.property(arbitraryCluster(), (model) => {
      const claimers = [...decisions(model)].filter(([, { act }]) => act === "claim");
      expect(claimers.length).toBeLessThanOrEqual(1);
      for (const [index, decision] of claimers) {
        const node = model.find((item) => item.index === index) as ModelNode;
        expect(able(node)).toBe(true);
        const epochs = model.map((item) => item.holds.get(VIP)?.epoch ?? 0);
        expect(decision).toMatchObject({ epoch: Math.max(0, ...epochs) + 1 });
      }
    }));
  });

  test("exactly one node claims when nobody does and somebody can", () => {
    const free = arbitraryCluster().map((model) =>
      model.map((node) => ({ ...node, holds: new Map() }))
    );
    fc.assert(fc.property(free, (model) => {
      const claimers = [...decisions(model).values()].filter(({ act }) => act === "claim");
      expect(claimers).toHaveLength(present(model).some(able) ? 1 : 0);
    }));
  });

  test("nobody claims while a live node holds it and is not ready to hand it over", () => {
    fc.assert(fc.property(arbitraryCluster(), (model) => {
      const members = presentMembers(viewOf(model, model[0]?.index ?? 1, SHARED), VIP);
      const incumbent = incumbentOf(members);
      fc.pre(present(model).includes(model[0] as ModelNode));
      fc.pre(incumbent?.claim?.yielding === false);
      for (const { act } of decisions(model).values()) expect(act).not.toBe("claim");
    }));
  });

  test("of all that hold it, one goes on and the others let go", () => {
    const contested = arbitraryCluster().map((model) =>
      model.map((node) => ({ ...node, unfit: null, phase: "running" as const }))
    );
    fc.assert(fc.property(contested, (model) => {
      const firm = present(model).filter((node) => claims(node, true));
      fc.pre(
        firm.length > 0 && !present(model).some((node) => claims(node) && !claims(node, true)),
      );
      const outcome = decisions(model);
      const staying = firm.filter((node) => outcome.get(node.index)?.act === "hold");
      const best = Math.max(...firm.map((node) => node.holds.get(VIP)?.epoch ?? 0));
      expect(staying).toHaveLength(1);
      expect(staying[0]?.holds.get(VIP)?.epoch).toBe(best);
      for (const node of firm) {
        const act = outcome.get(node.index)?.act;
        expect(act).toBe(node === staying[0] ? "hold" : "release");
      }
    }));
  });

  test("a holder that is alone, fit and unmoved stays", () => {
    fc.assert(fc.property(arbitraryCluster(), (model) => {
      const calm = model.map((node, index) => ({
        ...node,
        ...(index === 0
          ? { director: true, unfit: null, phase: "running" as const, life: "alive" as const }
          : {}),
        holds: index === 0 ? holding(3) : new Map(),
      }));
      for (const [index, decision] of decisions(calm)) {
        expect(decision.act).toBe(index === 1 ? "hold" : "wait");
        if (decision.act === "hold") expect(decision.successor).toBeNull();
      }
    }));
  });
});

describe("a holder", () => {
  test("lets go when it cannot hold the VIP any more, and says why", () => {
    const model = [modelNode(1, { holds: holding(1), unfit: "eth0 has no carrier" }), modelNode(2)];
    expect(decide(model, 1)).toEqual({
      act: "release",
      reason: "this node is unfit: eth0 has no carrier",
    });
  });

  test("names the claim it gives way to", () => {
    const model = [modelNode(1, { holds: holding(1) }), modelNode(2, { holds: holding(2) })];
    expect(decide(model, 1)).toEqual({ act: "release", reason: "n2 holds it with epoch 2" });
  });

  test("that leaves hands over to the best of the others", () => {
    const model = [
      modelNode(1, { holds: holding(1), phase: "leaving", priority: 200 }),
      modelNode(2),
      modelNode(3, { priority: 150 }),
    ];
    expect(decide(model, 1)).toMatchObject({ act: "hold", successor: idOf(3) });
  });

  test("that leaves alone lets go at once", () => {
    const model = [
      modelNode(1, { holds: holding(1), phase: "leaving" }),
      modelNode(2, { director: false }),
      modelNode(3, { life: "dead" }),
    ];
    expect(decide(model, 1)).toEqual({
      act: "release",
      reason: "this node leaves, and nobody can take over",
    });
  });

  test("that leaves does not wait for ever", () => {
    const model = [modelNode(1, { holds: holding(1), phase: "leaving" }), modelNode(2)];
    const state = viewOf(model, 1, SHARED);
    expect(decideOwnership(state, VIP, NOW + LEAVE_WAIT_MS - 1).act).toBe("hold");
    expect(decideOwnership(state, VIP, NOW + LEAVE_WAIT_MS)).toEqual({
      act: "release",
      reason: "this node leaves, and n2 did not take over in time",
    });
  });
});

describe("who never claims", () => {
  const cases: [what: string, fields: Partial<ModelNode>, act: string, reason: RegExp][] = [
    ["a starting node", { phase: "starting" }, "wait", /^this node is starting and listens first$/],
    ["a leaving node", { phase: "leaving" }, "wait", /^this node is leaving$/],
    ["a stopped node", { phase: "stopped" }, "wait", /^this node is leaving$/],
    ["an unfit node", { unfit: "eth0 is down" }, "wait", /^no director can hold it: eth0 is down$/],
    [
      "a node that is no director",
      { director: false },
      "wait",
      /^no director can hold it: this node is not a director$/,
    ],
  ];
  test.each(cases)("%s, and it says why", (_what, fields, act, reason) => {
    const decision = decide([modelNode(1, fields)], 1);
    expect(decision.act).toBe(act as Decision["act"]);
    expect(decision.reason).toMatch(reason);
  });

  test("a node that has not looked at its interfaces yet", () => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    state.placements.clear();
    expect(decideOwnership(state, VIP, NOW).reason)
      .toBe("no director can hold it: interfaces not looked at yet");
  });

  test("a node whose peers know nothing of the VIP, while it has just started", () => {
    const state = viewOf([modelNode(1), modelNode(2, { priority: 90 })], 1, SHARED);
    const peer = state.peers.get(idOf(2));
    if (peer !== undefined) peer.record = { ...peer.record, vips: {} };
    const early = decideOwnership(state, VIP, NOW + MEET_MS_MAX - 1);
    expect(early.act).toBe("wait");
    expect(early.reason).toBe(
      "this node has just started, and n2 has not said yet that it knows the VIP",
    );
    state.phaseMs = NOW - MEET_MS_MAX;
    expect(decideOwnership(state, VIP, NOW).act).toBe("claim");
  });
});

describe("the witness", () => {
  const free = "no live node holds it and nobody answers for it";
  const anew = "asking the LAN whether anybody still answers for it";
  const silent = "waiting for answers from the LAN";
  const answers = "02:00:00:00:00:07 still answers for it";
  const early = WITNESS_ANSWER_MS - 1;
  const cases: [
    what: string,
    witness: { last: number; asks: number; answered?: true } | null,
    act: string,
    reason: string,
  ][] = [
    ["is asked before a claim", null, "ask", anew],
    ["is asked three times", { last: WITNESS_ASK_MS, asks: 2 }, "ask", silent],
    ["has time to answer the last question", { last: early, asks: 3 }, "ask", silent],
    ["that stays silent permits the claim", { last: WITNESS_ANSWER_MS, asks: 3 }, "claim", free],
    [
      "that answered is asked three times more, and the machine is named",
      { last: WITNESS_STALE_MS, asks: 2, answered: true },
      "ask",
      answers,
    ],
    [
      "that has fallen silent since permits the claim",
      { last: WITNESS_ANSWER_MS, asks: 3, answered: true },
      "claim",
      free,
    ],
    ["asked too long ago is asked anew", { last: WITNESS_STALE_MS + 1, asks: 12 }, "ask", anew],
    ["asked just now is as good", { last: WITNESS_STALE_MS, asks: 12 }, "claim", free],
  ];
  test.each(cases)("%s", (_what, witness, act, reason) => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    state.witnesses.clear();
    if (witness !== null) {
      state.witnesses.set(VIP, {
        lastAskedMs: NOW - witness.last,
        asks: witness.asks,
        mac: witness.answered === true ? "02:00:00:00:00:07" : null,
      });
    }
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act, reason });
  });

  test("is not asked when the holder hands the VIP over: it still answers", () => {
    const state = viewOf(
      [modelNode(1, { priority: 200 }), modelNode(2, { holds: holding(3, "settling") })],
      1,
      SHARED,
    );
    state.witnesses.clear();
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "prepare" });
    invite(state);
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim", epoch: 4 });
    // Its table is not as it should be yet: that is waited for, but not for ever.
    state.tableVersion++;
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "prepare" });
    expect(decideOwnership(state, VIP, NOW + READY_MS_MAX)).toMatchObject({ act: "claim" });
    // Who let go has said so, even if its claim is gone by now.
    state.peers.get(idOf(2))!.life.claims = new Map();
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim", epoch: 4 });
    expect(decideOwnership(state, VIP, NOW + READY_MS_MAX)).toMatchObject({ act: "ask" });
  });
});

test("an epoch never grows beyond what a pulse can say", () => {
  const decision = decide([modelNode(1)], 1, { epochs: new Map([[VIP, EPOCH_MAX]]) });
  expect(decision).toMatchObject({ act: "claim", epoch: EPOCH_MAX });
});

test("a node that has just let go is nobody's successor, not even its own", () => {
  const state = viewOf([modelNode(1, { holds: holding(3, "settling") })], 1, SHARED);
  expect(decideOwnership(state, VIP, NOW)).toEqual({
    act: "wait",
    reason: "no director can hold it: this node has just let it go",
  });
});

test("a stopped holder's lingering hold is no claim", () => {
  const state = viewOf([modelNode(1)], 1, SHARED);
  state.holds.set(VIP, hold({ phase: "lingering" }));
  expect(incumbentOf(presentMembers(state, VIP))).toBeUndefined();
});
