/**
 * Nodes that should have a VIP: which of them gets it, and how it comes back to them.
 */
import { describe, expect, test } from "bun:test";
import { failbackTarget, rankCandidates } from "../../../src/core/cluster/candidates.ts";
import { presentMembers } from "../../../src/core/cluster/member.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import type { State } from "../../../src/core/state.ts";
import { FUNNEL_MS, READY_MS_MAX } from "../../../src/core/timing.ts";
import type { VipEntry } from "../../../src/core/document/vip.ts";
import {
  holding,
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
import { Run } from "../../support/virtual_run.ts";

function stateOf(
  model: readonly ModelNode[],
  fields: Partial<VipEntry>,
  more: Partial<Shared> = {},
): State {
  return viewOf(model, 1, { services: [service()], vips: [vipEntry(fields)], ...more });
}

function target(
  model: readonly ModelNode[],
  fields: Partial<VipEntry>,
  more: Partial<Shared> = {},
): string | null {
  const state = stateOf(model, fields, more);
  return failbackTarget(state, VIP, presentMembers(state, VIP));
}

describe("the order of candidates", () => {
  const model = [1, 2, 3, 4].map((index) =>
    modelNode(index, { priority: index === 4 ? 200 : 100 })
  );
  const order = (fields: Partial<VipEntry>, first: string | null = null) => {
    const state = stateOf(model, fields);
    const members = presentMembers(state, VIP);
    return rankCandidates(state, { members, vip: VIP, first }).map(({ name }) => name);
  };

  test("is that of preference, then priority", () => {
    expect(order({ prefer: [idOf(3), idOf(1)] }).slice(0, 3)).toEqual(["n3", "n1", "n4"]);
    expect(order({ prefer: [idOf(1), idOf(3)] }).slice(0, 3)).toEqual(["n1", "n3", "n4"]);
    expect(order({}).slice(0, 1)).toEqual(["n4"]);
  });

  test("has the target of an order before those that are preferred", () => {
    expect(order({ prefer: [idOf(3)] }, idOf(2)).slice(0, 2)).toEqual(["n2", "n3"]);
  });

  test("passes over who is preferred and not there, or not able", () => {
    expect(order({ prefer: [idOf(9), idOf(3)] })[0]).toBe("n3");
    const state = stateOf([modelNode(1), modelNode(2, { unfit: "no carrier" })], {
      prefer: [idOf(2)],
    });
    const members = presentMembers(state, VIP);
    const ranked = rankCandidates(state, { members, vip: VIP, first: null });
    expect(ranked.map(({ name }) => name)).toEqual(["n1"]);
  });

  test("of a group is that of its first VIP", () => {
    const other = "10.0.0.101";
    const vips = [
      vipEntry({ group: "web", prefer: [idOf(2)] }),
      vipEntry({ address: other, group: "web", prefer: [idOf(3)] }),
    ];
    const state = viewOf(model, 1, { services: [service()], vips });
    const members = presentMembers(state, other);
    expect(rankCandidates(state, { members, vip: other, first: null })[0]?.name).toBe("n2");
  });
});

describe("failbackTarget", () => {
  const held = modelNode(1, { holds: holding(3) });
  const back: Partial<VipEntry> = { prefer: [idOf(2)], failbackS: 0 };
  const move = { vip: VIP, to: idOf(1), fromEpoch: 2 };
  const cases: [
    what: string,
    model: ModelNode[],
    fields: Partial<VipEntry>,
    more: Partial<Shared>,
    wanted: number | null,
  ][] = [
    ["a node that is preferred", [held, modelNode(2)], back, {}, 2],
    ["without failback nobody", [held, modelNode(2)], { prefer: [idOf(2)] }, {}, null],
    ["nobody before the holder", [held, modelNode(2)], { ...back, prefer: [idOf(1)] }, {}, null],
    ["nobody as good as the holder", [held, modelNode(2)], { failbackS: 0 }, {}, null],
    ["a higher priority", [held, modelNode(2, { priority: 101 })], { failbackS: 0 }, {}, 2],
    ["no lower priority", [held, modelNode(2, { priority: 99 })], { failbackS: 0 }, {}, null],
    [
      "the best of several",
      [held, modelNode(2), modelNode(3)],
      { ...back, prefer: [idOf(3), idOf(2)] },
      {},
      3,
    ],
    ["nobody who is dead", [held, modelNode(2, { life: "dead" })], back, {}, null],
    ["nobody who is unfit", [held, modelNode(2, { unfit: "no carrier" })], back, {}, null],
    ["nobody who starts", [held, modelNode(2, { phase: "starting" })], back, {}, null],
    ["nobody who leaves", [held, modelNode(2, { phase: "leaving" })], back, {}, null],
    ["nobody who is no director", [held, modelNode(2, { director: false })], back, {}, null],
    ["nobody against an operator's order", [held, modelNode(2)], back, { moves: [move] }, null],
    [
      "somebody when the order is older than the claim",
      [held, modelNode(2)],
      back,
      { moves: [{ ...move, fromEpoch: 1 }] },
      2,
    ],
    [
      "somebody when the order named another node",
      [held, modelNode(2)],
      back,
      { moves: [{ ...move, to: idOf(3) }] },
      2,
    ],
    ["nobody while nobody holds it", [modelNode(1), modelNode(2)], back, {}, null],
  ];
  test.each(cases)("%s", (_what, model, fields, more, wanted) => {
    expect(target(model, fields, more)).toBe(wanted === null ? null : idOf(wanted));
  });
});

describe("a holder", () => {
  const DELAY_S = 5;
  const PEER: [2] = [2];

  /** Node 1 holds the VIP that node 2 should have. */
  function begun(fields: Partial<VipEntry> = {}): Run {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    const entry = vipEntry({ prefer: [idOf(2)], failbackS: DELAY_S, ...fields });
    const document = { ...run.state.document, vips: new Map([[VIP, entry]]) };
    run.tell({ kind: "document", document });
    return run;
  }

  test("waits, says for how long, and then hands the VIP over", () => {
    const run = begun();
    run.pass(1_000, [PEER]);
    expect(run.hold?.successor).toBeNull();
    expect(run.state.reasons.get(VIP))
      .toBe("n1 holds it with epoch 3; it goes back to n2, which is preferred, in 5 s");
    run.pass(DELAY_S * 1_000 - 1_100, [PEER]);
    expect(run.hold?.successor).toBeNull();
    run.pass(200, [PEER]);
    expect(run.hold?.successor).toBe(idOf(2));
    expect(run.state.reasons.get(VIP)).toBe("going back to n2, which is preferred");
    expect(run.hold?.funnelMs).not.toBeNull();
  });

  test("begins to wait anew when the preferred node was away", () => {
    const run = begun();
    run.pass(DELAY_S * 1_000 - 500, [PEER]);
    run.pass(1_000);
    expect(run.lifeOf(2)).toBe("dead");
    expect(run.state.failbacks.has(VIP)).toBe(false);
    run.pass(DELAY_S * 1_000 - 500, [PEER]);
    expect(run.hold?.successor).toBeNull();
    run.pass(1_000, [PEER]);
    expect(run.hold?.successor).toBe(idOf(2));
  });

  test("keeps it when the preferred node goes while the handover runs", () => {
    const run = begun();
    run.pass(DELAY_S * 1_000 + FUNNEL_MS / 2, [PEER]);
    expect(run.hold?.successor).toBe(idOf(2));
    run.pass(1_000);
    expect(run.hold).toMatchObject({ phase: "holding", successor: null, funnelMs: null });
  });

  test("lets it go when the preferred node has claimed it, and remembers nothing", () => {
    const run = begun({ failbackS: 0 });
    run.pass(FUNNEL_MS + 100, [PEER]);
    run.pass(100, [[2, [4]]]);
    expect(run.hold?.phase).toBe("settling");
    run.pass(100, [[2, [4]]]);
    expect(run.state.failbacks.size).toBe(0);
  });

  test("obeys an operator before preference", () => {
    const run = begun({ prefer: [idOf(1)] });
    const moves = new Map([[VIP, { vip: VIP, to: idOf(2), fromEpoch: 3 }]]);
    run.tell({ kind: "document", document: { ...run.state.document, moves } });
    run.pass(100, [PEER]);
    expect(run.hold?.successor).toBe(idOf(2));
  });
});

test("who is preferred claims what the holder is ready to hand over", () => {
  const model = [modelNode(1), modelNode(2, { holds: holding(3) })];
  const state = stateOf(model, { prefer: [idOf(1)], failbackS: 0 });
  const peer = state.peers.get(idOf(2));
  expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "wait" });
  if (peer !== undefined) peer.life.claims = new Map([[VIP, { epoch: 3, yielding: true }]]);
  // First its table is made ready.
  expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "prepare" });
  state.invitedMs.set(VIP, NOW - READY_MS_MAX);
  expect(decideOwnership(state, VIP, NOW))
    .toEqual({ act: "claim", reason: "n2 hands it over", epoch: 4 });
  // An order that nobody can carry out holds nothing up.
  const moves = new Map([[VIP, { vip: VIP, to: idOf(3), fromEpoch: 3 }]]);
  state.document = { ...state.document, moves };
  expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim" });
});
