/**
 * Who serves right after an agent adopted its VIPs, before anybody has checked anything.
 */
import { describe, expect, test } from "bun:test";
import type { Ip } from "../../../src/core/address.ts";
import { desiredRow } from "../../../src/core/desired/desired_row.ts";
import { endInheritance, INHERITED_MS } from "../../../src/core/pool/inherited.ts";
import { poolOf } from "../../../src/core/pool/pool.ts";
import { judgePool } from "../../../src/core/pool/pool_judgement.ts";
import { type EndpointService, serviceKey } from "../../../src/core/service/service.ts";
import type { State } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import {
  addressOf,
  drain,
  holding,
  idOf,
  machine,
  type ModelNode,
  modelNode,
  NOW,
  serverEntry,
  service,
  viewOf,
} from "../../support/cluster_views.ts";

const SERVICE = service();
const KEY = serviceKey(SERVICE);
const OK = { ok: true, reason: "200 in 1 ms", tookMs: 1 };
const REFUSED = { ok: false, reason: "connection refused", tookMs: 1 };

/** n1 has just started and holds the VIP; its earlier run gave connections to n1, n2 and a machine, 10.0.0.21. */
function restarted(
  { item = SERVICE, peer = {}, from = [addressOf(1), addressOf(2), addressOf(21)] }: {
    item?: EndpointService;
    peer?: Partial<ModelNode>;
    from?: readonly Ip[];
  } = {},
): State {
  const nodes = [
    modelNode(1, { holds: holding(1), phase: "starting" }),
    modelNode(2, { heard: false, ...peer }),
  ];
  const shared = { services: [item], servers: [serverEntry(machine(21))] };
  const state: State = { ...viewOf(nodes, 1, shared), startedMs: NOW };
  state.own.clear();
  for (const { record } of state.peers.values()) record.verdicts = {};
  const rows = new Map([[KEY, new Set(from.map((address) => `${address}:80`))]]);
  step(state, { kind: "inherited", rows }, NOW);
  return state;
}

/** Weights by the last number of the address. */
function weights(state: State, item = SERVICE): Record<string, number> {
  const { servers } = desiredRow(state, item).service;
  return Object.fromEntries(servers.map(({ address, weight }) => [address.slice(7), weight]));
}

describe("servers of an earlier run's row", () => {
  test("go on while nothing is known of them", () => {
    const state = restarted();
    expect(weights(state)).toEqual({ 1: 1, 2: 1, 21: 1 });
    expect(poolOf(state, SERVICE).map(({ reason }) => reason)).toEqual([
      "goes on from before a restart; not checked yet",
      "goes on from before a restart; not checked yet",
      "goes on from before a restart; not heard yet",
    ]);
  });

  test("are those that got connections, no others", () => {
    expect(weights(restarted({ from: [addressOf(2)] }))).toEqual({ 1: 0, 2: 1, 21: 0 });
  });

  test("are out at the first check that fails", () => {
    const state = restarted();
    const probe = { kind: "probe", key: KEY, check: SERVICE.check, wallMs: 0 } as const;
    step(state, { ...probe, node: null, result: OK }, NOW);
    step(state, { ...probe, node: idOf(2), result: REFUSED }, NOW);
    const server = `${KEY}|${addressOf(21)}:80`;
    step(state, { ...probe, node: null, server, result: REFUSED }, NOW);
    expect(weights(state)).toEqual({ 1: 1, 2: 0, 21: 0 });
  });

  const peers: [what: string, peer: Partial<ModelNode>, weight: number][] = [
    ["is there, and has told no verdict yet", { heard: true }, 1],
    ["starts itself", { heard: true, phase: "starting" }, 1],
    ["is not heard yet", { heard: false }, 1],
    ["leaves", { heard: true, phase: "leaving" }, 0],
    ["is dead", { heard: true, life: "dead" }, 0],
  ];
  test.each(peers)("a member that %s", (_what, peer, weight) => {
    expect(weights(restarted({ peer }))).toMatchObject({ 2: weight });
  });

  test("a member that says that its server fails", () => {
    const state = restarted({ peer: { heard: true } });
    const verdict = { up: false, reason: "timed out", sinceMs: 0, tookMs: 1 };
    for (const { record } of state.peers.values()) record.verdicts = { [KEY]: verdict };
    expect(weights(state)).toMatchObject({ 2: 0 });
  });

  test("in maintenance get nothing", () => {
    const state = restarted();
    const drained = drain({ node: idOf(2) });
    state.document = { ...state.document, drains: new Map([[`*|${idOf(2)}`, drained]]) };
    expect(weights(state)).toEqual({ 1: 1, 2: 0, 21: 1 });
  });

  test("of which nobody ever says anything do not go on for ever", () => {
    const state = restarted();
    expect(endInheritance(state, NOW + INHERITED_MS - 1)).toBeFalse();
    expect(weights(state)).toEqual({ 1: 1, 2: 1, 21: 1 });
    expect(endInheritance(state, NOW + INHERITED_MS)).toBeTrue();
    expect(weights(state)).toEqual({ 1: 0, 2: 0, 21: 0 });
  });

  test("of a VIP that was not adopted do not count: the row may be of any age", () => {
    const state = restarted();
    state.holds.clear();
    step(state, { kind: "inherited", rows: state.inherited }, NOW);
    expect(state.inherited.size).toBe(0);
    expect(poolOf(state, SERVICE).every(({ reason }) => reason.startsWith("not "))).toBeTrue();
  });
});

describe("the fallback of an earlier run's row", () => {
  const fallback = { address: addressOf(30), port: null, forwarding: "dr", tunnel: null } as const;
  const item = service({ fallback });

  test("goes on while nothing is known of the servers", () => {
    const state = restarted({ item, from: [addressOf(30)] });
    expect(weights(state, item)).toEqual({ 1: 0, 2: 0, 21: 0, 30: 1 });
    expect(judgePool(state, item)).toMatchObject({
      mode: "fallback",
      reason: "no server is checked since a restart; the fallback goes on",
    });
  });

  test("is none where servers got connections", () => {
    expect(weights(restarted({ item }), item)).toEqual({ 1: 1, 2: 1, 21: 1 });
  });
});
