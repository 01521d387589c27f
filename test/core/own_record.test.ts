import { describe, expect, test } from "bun:test";
import { REASON_LENGTH_MAX } from "../../src/core/limits.ts";
import { ownRecord } from "../../src/core/own_record.ts";
import { type NodeRecord, RECORD_VERSION, recordSchema } from "../../src/core/cluster/record.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import type { State } from "../../src/core/state.ts";
import {
  holding,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  selfOf,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";

const KEY = serviceKey(service());

function recordOf(
  fields: Partial<ModelNode> = {},
  change: (state: State) => void = () => {},
): NodeRecord {
  const state = viewOf([modelNode(1, fields), modelNode(2)], 1, { services: [service()] });
  change(state);
  return ownRecord(state, {
    now: NOW,
    wallMs: 1_700_000_000_000,
    sequence: 9,
    documentDigest: "d",
  });
}

describe("ownRecord", () => {
  test("tells everything of this node, and fits the schema", () => {
    const { paths, port, boot } = selfOf({ index: 1 });
    const record = recordOf({ holds: holding(3) });
    expect(record).toEqual({
      format: RECORD_VERSION,
      cluster: "test",
      id: idOf(1),
      name: "n1",
      peer: idOf(1),
      version: "0",
      boot,
      sequence: 9,
      paths: [...paths],
      port,
      director: true,
      realServer: true,
      priority: 100,
      vips: { [VIP]: null },
      phase: "running",
      deadMs: 400,
      claims: { [VIP]: 3 },
      verdicts: { [KEY]: { up: true, reason: "200 in 1 ms", sinceMs: 0, tookMs: 1 } },
      wallMs: 1_700_000_000_000,
      document: "d",
    });
    expect(recordSchema.parse(record)).toEqual(record);
  });

  test("tells the key of its pulses, which the schema takes, and nothing else in its place", () => {
    const state = viewOf([modelNode(1)], 1, { services: [] });
    const pulseKey = "ab".repeat(32);
    const record = ownRecord({ ...state, self: { ...state.self, pulseKey } }, {
      ...{ now: NOW, wallMs: 0, sequence: 1, documentDigest: "d" },
    });
    expect(recordSchema.parse(record).pulseKey).toBe(pulseKey);
    expect(recordSchema.safeParse({ ...record, pulseKey: "ab" }).success).toBe(false);
  });

  test("tells the epochs it has seen of VIPs nobody holds: all must agree which orders are spent", () => {
    const seen = (state: State) => state.epochs.set(VIP, 7);
    const record = recordOf({}, seen);
    expect(record.epochs).toEqual({ [VIP]: 7 });
    expect(recordSchema.parse(record)).toEqual(record);
    expect(recordOf({ holds: holding(7) }, seen)).not.toContainKey("epochs");
    const claimed = recordOf({}, (state) => {
      seen(state);
      state.peers.get(idOf(2))!.life.claims = new Map([[VIP, { epoch: 7, yielding: false }]]);
    });
    expect(claimed).not.toContainKey("epochs");
  });

  test("says nothing of services whose servers are not members: there may be thousands", () => {
    const others = service({ port: 81, members: false });
    const state = viewOf([modelNode(1)], 1, { services: [service(), others] });
    const record = ownRecord(state, { now: NOW, wallMs: 0, sequence: 1, documentDigest: "d" });
    expect(Object.keys(record.verdicts)).toEqual([KEY]);
  });

  const phases: [own: State["phase"], told: NodeRecord["phase"]][] = [
    ["starting", "running"],
    ["running", "running"],
    ["leaving", "leaving"],
    ["stopped", "left"],
  ];
  test.each(phases)("of a %s node says %s", (phase, told) => {
    expect(recordOf({ phase }).phase).toBe(told);
  });

  test("says why a VIP cannot be held here", () => {
    expect(recordOf({ unfit: "eth0 is down" }).vips).toEqual({ [VIP]: "eth0 is down" });
  });

  test("claims no VIP that only lingers", () => {
    expect(recordOf({ holds: holding(3, "settling") }).claims).toEqual({ [VIP]: 3 });
    expect(recordOf({ holds: holding(3, "lingering") }).claims).toEqual({});
  });

  test("of a node that is no real server has no verdicts", () => {
    expect(recordOf({ realServer: false }).verdicts).toEqual({});
  });

  test("of a node without a check yet says so, as of now", () => {
    expect(recordOf({}, (state) => state.own.clear()).verdicts[KEY]).toEqual({
      up: false,
      reason: "not checked yet",
      sinceMs: 1_700_000_000_000,
      tookMs: 0,
    });
  });

  test("cuts a reason that is too long to travel", () => {
    const record = recordOf({}, (state) => state.deaf.set(KEY, "x".repeat(REASON_LENGTH_MAX + 1)));
    expect(record.verdicts[KEY]?.reason).toHaveLength(REASON_LENGTH_MAX);
    expect(recordSchema.safeParse(record).success).toBe(true);
  });
});
