/**
 * What an order to move a VIP makes of a decision, at its holder, its target and everybody else.
 */
import { describe, expect, test } from "bun:test";
import type { Decision } from "../../../src/core/cluster/decision.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import type { Move } from "../../../src/core/document/document.ts";
import type { State } from "../../../src/core/state.ts";
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
} from "../../support/cluster_views.ts";

const SHARED: Shared = { services: [service()] };

const decide = (
  model: readonly ModelNode[],
  index: number,
  fields: Partial<Shared> = {},
): Decision => decideOwnership(viewOf(model, index, { ...SHARED, ...fields }), VIP, NOW);

/** The node was invited to take the VIP just now, and its table is ready. */
function invite(state: State): void {
  state.invitedMs.set(VIP, NOW);
  state.settledVersion = state.tableVersion;
}

describe("a move order", () => {
  const model = [
    modelNode(1, { holds: holding(4) }),
    modelNode(2),
    modelNode(3, { priority: 200 }),
  ];
  const move = (fields: Partial<Move> = {}) => [{ vip: VIP, to: idOf(2), fromEpoch: 4, ...fields }];

  test("makes the holder hand over to its target, against every priority", () => {
    expect(decide(model, 1, { moves: move() })).toEqual({
      act: "hold",
      reason: "moving to n2 as ordered",
      successor: idOf(2),
    });
  });

  test("makes nobody claim before the holder is ready", () => {
    expect(decide(model, 2, { moves: move() }).act).toBe("wait");
    expect(decide(model, 3, { moves: move() }).act).toBe("wait");
  });

  test("makes the target claim, and nobody else, when the holder is ready", () => {
    const ready = (index: number) => {
      const state = viewOf(model, index, { ...SHARED, moves: move() });
      const holder = state.peers.get(idOf(1));
      if (holder !== undefined) {
        holder.life.claims = new Map([[VIP, { epoch: 4, yielding: true }]]);
      }
      invite(state);
      return decideOwnership(state, VIP, NOW);
    };
    expect(ready(2)).toEqual({ act: "claim", reason: "n1 hands it over", epoch: 5 });
    expect(ready(3)).toEqual({ act: "wait", reason: "n2 is preferred" });
  });

  test.each([
    ["that keeps it otherwise is for the target alone", {}, "wait"],
    ["that leaves is for anybody", { phase: "leaving" }, "claim"],
    ["that is unfit is for anybody", { unfit: "eth0 is down" }, "claim"],
  ] as [string, Partial<ModelNode>, string][])(
    "to a node that is not heard: a holder %s",
    (_what, fields, act) => {
      const holder = modelNode(1, { holds: holding(4), ...fields });
      const state = viewOf([holder, modelNode(2, { life: "dead" }), modelNode(3)], 3, {
        ...SHARED,
        moves: move(),
      });
      state.peers.get(idOf(1))!.life.claims = new Map([[VIP, { epoch: 4, yielding: true }]]);
      invite(state);
      expect(decideOwnership(state, VIP, NOW).act).toBe(act as Decision["act"]);
    },
  );

  test("is the same order for a target that had a higher epoch, which ended where its holder did not hear it", () => {
    const state = viewOf(model, 2, { ...SHARED, moves: move(), epochs: new Map([[VIP, 7]]) });
    state.peers.get(idOf(1))!.life.claims = new Map([[VIP, { epoch: 4, yielding: true }]]);
    invite(state);
    expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim", epoch: 8 });
  });

  const spent: [what: string, fields: Partial<Move>][] = [
    ["is spent by the claim it asked for, or any failover", { fromEpoch: 3 }],
    ["for an epoch nobody has heard of does nothing", { fromEpoch: 5 }],
    ["to the holder itself does nothing", { to: idOf(1) }],
    ["to a node nobody knows does nothing", { to: idOf(9) }],
  ];
  test.each(spent)("%s", (_what, fields) => {
    expect(decide(model, 1, { moves: move(fields) })).toEqual({
      act: "hold",
      reason: "n1 holds it with epoch 4",
      successor: null,
    });
  });

  test.each([
    ["dead", { life: "dead" }],
    ["unfit", { unfit: "eth0 is down" }],
    ["leaving", { phase: "leaving" }],
    ["starting", { phase: "starting" }],
    ["no director", { director: false }],
  ] as [string, Partial<ModelNode>][])("waits while its target is %s", (_what, fields) => {
    const hindered = [model[0] as ModelNode, modelNode(2, fields)];
    expect(decide(hindered, 1, { moves: move() })).toMatchObject({ act: "hold", successor: null });
  });

  test("decides who takes a VIP nobody holds", () => {
    const free = model.map((node) => ({ ...node, holds: new Map() }));
    const fields = { epochs: new Map([[VIP, 4]]) };
    expect(decide(free, 2, { ...fields, moves: move() })).toMatchObject({ act: "claim", epoch: 5 });
    expect(decide(free, 2, { ...fields, moves: move({ fromEpoch: 3 }) })).toEqual({
      act: "wait",
      reason: "n3 is preferred",
      awaits: idOf(3),
    });
  });
});
