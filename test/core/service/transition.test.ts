import { describe, expect, test } from "bun:test";
import { desiredRow } from "../../../src/core/desired/desired_row.ts";
import { PENDING } from "../../../src/core/pool/health.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import { transitionFields } from "../../../src/core/service/transition.ts";
import {
  drain,
  holding,
  idOf,
  type ModelNode,
  modelNode,
  service,
  type Shared,
  viewOf,
} from "../../support/cluster_views.ts";

const REMOVING = service({ onFailure: "remove" });

function row(fields: Partial<ModelNode>, item = REMOVING, shared: Partial<Shared> = {}) {
  const model = [modelNode(1, { holds: holding(1) }), modelNode(2, fields)];
  const state = viewOf(model, 1, { services: [item], ...shared });
  const { service: { servers }, dropped } = desiredRow(state, item);
  const server = servers.find(({ address }) => address === "10.0.0.2");
  return { weight: server?.weight ?? null, dropped: dropped.has("10.0.0.2:80") };
}

describe("where failed servers are removed", () => {
  const cases: [string, Partial<ModelNode>, ReturnType<typeof row>][] = [
    ["whose check fails goes at once", { serving: false }, { weight: null, dropped: true }],
    ["whose node is dead goes at once", { life: "dead" }, { weight: null, dropped: true }],
    ["that works stays", {}, { weight: 1, dropped: false }],
    ["that is starting stays", { phase: "starting" }, { weight: 0, dropped: false }],
    ["that is leaving stays", { phase: "leaving" }, { weight: 0, dropped: false }],
    ["that was not heard yet stays", { heard: false }, { weight: 0, dropped: false }],
  ];
  test.each(cases)("one %s", (_, fields, expected) => expect(row(fields)).toEqual(expected));

  test("one that is drained stays", () => {
    const drains = [drain({ node: idOf(2) })];
    expect(row({}, REMOVING, { drains })).toEqual({ weight: 0, dropped: false });
  });

  test("one that nobody has checked yet stays", () => {
    const state = viewOf([modelNode(1, { holds: holding(1) }), modelNode(2)], 1, {
      services: [REMOVING],
    });
    const peer = state.peers.get(idOf(2));
    if (peer === undefined) throw new Error("n2 is missing");
    const key = serviceKey(REMOVING);
    const verdict = { up: false, reason: PENDING.check, sinceMs: 0, tookMs: 0 };
    peer.record = { ...peer.record, verdicts: { [key]: verdict } };
    const { service: { servers } } = desiredRow(state, REMOVING);
    expect(servers.find(({ address }) => address === "10.0.0.2")?.weight).toBe(0);
  });
});

test("where they are not, one whose check fails stays with weight 0", () => {
  expect(row({ serving: false }, service())).toEqual({ weight: 0, dropped: false });
});

test("a slow start is off, or has bounds", () => {
  const accepts = (ms: number) => transitionFields.slowStartMs.safeParse(ms).success;
  expect([0, 1_000, 3_600_000].map(accepts)).toEqual([true, true, true]);
  expect([1, 999, 3_600_001, 1.5].map(accepts)).toEqual([false, false, false, false]);
});
