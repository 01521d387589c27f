/**
 * The weights of a row: who gets new connections now.
 */
import { describe, expect, test } from "bun:test";
import { desiredRow, weightsOf } from "../../../src/core/desired/desired_row.ts";
import { poolOf } from "../../../src/core/pool/pool.ts";
import type { Service } from "../../../src/core/service/service.ts";
import type { State } from "../../../src/core/state.ts";
import {
  holding,
  idOf,
  machine,
  type ModelNode,
  modelNode,
  serverEntry,
  service,
  type Shared,
  viewOf,
} from "../../support/cluster_views.ts";

const SERVICE = service();
const SHARED = { services: [SERVICE] };

/** Weights by the number of the node. */
function weights(state: State, of: Service = SERVICE): Record<string, number> {
  return Object.fromEntries(
    desiredRow(state, of).service.servers.map((
      { address, weight },
    ) => [address.slice(7), weight]),
  );
}

describe("weightsOf", () => {
  test("a holder gives new connections to every server that works", () => {
    const model = [
      modelNode(1, { holds: holding(1) }),
      modelNode(2),
      modelNode(3, { serving: false }),
      modelNode(4, { realServer: false }),
    ];
    expect(weights(viewOf(model, 1, SHARED))).toEqual({ 1: 1, 2: 1, 3: 0 });
  });

  test("a server alone with its service down gives nobody anything: whoever sends here does not know", () => {
    const model = [
      modelNode(1, { holds: holding(1, "lingering"), serving: false }),
      modelNode(2, { holds: holding(2) }),
    ];
    expect(weights(viewOf(model, 1, SHARED))).toEqual({ 1: 0, 2: 0 });
  });

  test("a successor whose server is down is no reason to serve nobody", () => {
    const model = [
      modelNode(1, { holds: holding(1), phase: "leaving" }),
      modelNode(2, { serving: false }),
      modelNode(3, { priority: 90 }),
    ];
    expect(weights(viewOf(model, 1, SHARED))).toEqual({ 1: 0, 2: 0, 3: 1 });
  });

  test("a successor that is no real server is no reason to serve nobody", () => {
    const model = [
      modelNode(1, { holds: holding(1), phase: "leaving" }),
      modelNode(2, { realServer: false }),
      modelNode(3, { director: false }),
    ];
    expect(weights(viewOf(model, 1, SHARED))).toEqual({ 1: 0, 3: 1 });
  });

  test("a leaving node still serves what reaches it alone", () => {
    const model = [
      modelNode(1, { holds: holding(1, "lingering"), phase: "leaving" }),
      modelNode(2, { holds: holding(2) }),
    ];
    expect(weights(viewOf(model, 1, SHARED))).toEqual({ 1: 1, 2: 0 });
    expect(weights(viewOf(model, 2, SHARED))).toEqual({ 1: 0, 2: 1 });
  });

  test("a server has the weight of the service, and a member the one that is said of it", () => {
    const heavy = service({ weight: 5 });
    const servers = [serverEntry({ node: idOf(2) }, { weight: 3 })];
    const model = [modelNode(1, { holds: holding(1) }), modelNode(2)];
    expect(weights(viewOf(model, 1, { services: [heavy], servers }), heavy))
      .toEqual({ 1: 5, 2: 3 });
  });

  describe("of a member that is drained", () => {
    const drained = { ...SHARED, servers: [serverEntry({ node: idOf(1) }, { weight: 0 })] };

    test("are 0 while others serve", () => {
      const model = [modelNode(1, { holds: holding(1) }), modelNode(2)];
      expect(weights(viewOf(model, 1, drained))).toEqual({ 1: 0, 2: 1 });
    });

    test("are not 0 while it alone serves what reaches it", () => {
      const model = [
        modelNode(1, { holds: holding(1, "lingering") }),
        modelNode(2, { holds: holding(2) }),
      ];
      expect(weights(viewOf(model, 1, drained))).toEqual({ 1: 1, 2: 0 });
      expect(weights(viewOf(model, 2, drained))).toEqual({ 1: 0, 2: 1 });
    });

    test("are 0 as a successor's, which is no reason to serve nobody", () => {
      const model = [modelNode(1), modelNode(2, { holds: holding(1), phase: "leaving" })];
      expect(weights(viewOf(model, 2, { ...drained, services: [SERVICE] }))).toEqual({
        1: 0,
        2: 0,
      });
      const three = [...model, modelNode(3, { priority: 90 })];
      expect(weights(viewOf(three, 2, drained))).toEqual({ 1: 0, 2: 0, 3: 1 });
    });
  });

  test("names every candidate of the pool", () => {
    const state = viewOf([modelNode(1), modelNode(2)], 1, SHARED);
    const pool = poolOf(state, SERVICE);
    expect([...weightsOf(state, { service: SERVICE, pool }).keys()]).toEqual(pool);
    expect(pool.map(({ node }) => node)).toEqual([idOf(1), idOf(2)]);
  });
});

describe("a machine without an agent", () => {
  const servers = [serverEntry(machine(21), { weight: 3 })];
  const unchecked = service({ check: { ...SERVICE.check, kind: "none" } });
  const shared = (fields: Partial<Shared> = {}) => ({ services: [unchecked], servers, ...fields });

  test("gets new connections like everybody", () => {
    const model = [modelNode(1, { holds: holding(1) }), modelNode(2)];
    expect(weights(viewOf(model, 1, shared()), unchecked)).toEqual({ 1: 1, 2: 1, 21: 3 });
  });

  test("gets none from a node that serves alone", () => {
    const model = [
      modelNode(1, { holds: holding(1, "lingering") }),
      modelNode(2, { holds: holding(2) }),
    ];
    expect(weights(viewOf(model, 1, shared()), unchecked)).toEqual({ 1: 1, 2: 0, 21: 0 });
  });

  const outside = service({ ...unchecked, members: false });
  const alone: [what: string, model: ModelNode[]][] = [
    ["of the holder", [modelNode(1, { holds: holding(1) }), modelNode(2)]],
    ["of a holder that leaves", [
      modelNode(1, { holds: holding(1), phase: "leaving" }),
      modelNode(2),
    ]],
    ["of a standby", [modelNode(1), modelNode(2, { holds: holding(1) })]],
    ["of a node that has just let go", [
      modelNode(1, { holds: holding(1, "lingering") }),
      modelNode(2, { holds: holding(2) }),
    ]],
  ];
  test.each(alone)(
    "gets everything by the table %s where members are no servers",
    (_what, model) => {
      const state = viewOf(model, 1, shared({ services: [outside] }));
      expect(weights(state, outside)).toEqual({ 21: 3 });
    },
  );

  test("that is removed at once is dropped, and in no row any more", () => {
    const off = [serverEntry(machine(21), { off: true }), serverEntry(machine(22))];
    const state = viewOf([modelNode(1, { holds: holding(1) })], 1, shared({ servers: off }));
    const row = desiredRow(state, unchecked);
    expect(row.service.servers.map(({ address }) => address)).toEqual(["10.0.0.22", "10.0.0.1"]);
    expect(row.dropped).toEqual(new Set(["10.0.0.21:80"]));
  });
});
