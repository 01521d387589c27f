import { describe, expect, test } from "bun:test";
import { drainKey, drainSchema, drainWords } from "../../../src/core/document/drain.ts";
import { drainOf, drainsTurn } from "../../../src/core/document/draining.ts";
import { openConnections, openInCluster } from "../../../src/core/pool/drained_connections.ts";
import { desiredRow } from "../../../src/core/desired/desired_row.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { poolOf } from "../../../src/core/pool/pool.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import { NO_COUNTERS, NO_TRAFFIC, type ObservedService } from "../../../src/core/table/table.ts";
import {
  addressOf,
  drain,
  holding,
  idOf,
  machine,
  modelNode,
  NOW,
  serverEntry,
  service,
  type Shared,
  viewOf,
  VIP,
  weightsByAddress,
} from "../../support/cluster_views.ts";

const SERVICE = service();
const KEY = serviceKey(SERVICE);
const N2 = { node: idOf(2) };
const HELD = [modelNode(1, { holds: holding(1) }), modelNode(2), modelNode(3)];

function view(shared: Partial<Shared>, index = 1) {
  const state = viewOf(HELD, index, { services: [SERVICE], ...shared });
  state.wallMs = NOW;
  return state;
}

function weights(shared: Partial<Shared>) {
  return weightsByAddress(desiredRow(view(shared), SERVICE).service.servers);
}

describe("a drained server", () => {
  test("keeps its place in the row and gets no new connections", () => {
    expect(weights({ drains: [drain(N2, { comment: "new disk" })] }))
      .toEqual({ "10.0.0.1:80": 1, "10.0.0.2:80": 0, "10.0.0.3:80": 1 });
  });

  test("is still known as up, and the reason begins with why it gets nothing", () => {
    const state = view({ drains: [drain(N2, { comment: "new disk" })] });
    const server = poolOf(state, SERVICE).find(({ name }) => name === "n2");
    expect(server?.up).toBe(true);
    expect(server?.reason).toStartWith("drained: new disk; itself: 200");
  });

  const other = service({ port: 81 });
  const cases: [string, Parameters<typeof drain>, number][] = [
    ["of this service", [N2, { service: KEY }], 0],
    ["of another service", [N2, { service: serviceKey(other) }], 1],
    ["that was lifted", [N2, { on: false }], 1],
    ["that ends now", [N2, { untilMs: NOW }], 1],
    ["that ends in a moment", [N2, { untilMs: NOW + 1 }], 0],
    ["by its address, which is a machine's", [{ address: addressOf(2), port: null }, {}], 1],
  ];
  test.each(cases)("a drain %s", (_, given, weight) => {
    expect(weights({ drains: [drain(...given)] })["10.0.0.2:80"]).toBe(weight);
  });

  const machines: [string, number | null, number][] = [
    ["whatever the port", null, 0],
    ["with its port", 80, 0],
    ["with another port", 81, 1],
  ];
  test.each(machines)("a machine is drained %s", (_, port, weight) => {
    const servers = [serverEntry(machine(21))];
    const state = view({ servers, drains: [drain({ address: addressOf(21), port })] });
    state.external.set(`${KEY}|10.0.0.21:80`, {
      up: true,
      reason: "200",
      sinceMs: 0,
      tookMs: 1,
      checked: true,
      streak: 0,
    });
    expect(weightsByAddress(desiredRow(state, SERVICE).service.servers)["10.0.0.21:80"])
      .toBe(weight);
  });

  test("says until when in words", () => {
    expect(drainWords(drain(N2, { untilMs: Date.UTC(2026, 0, 2, 18, 30), comment: "disk" })))
      .toBe("drained until 2026-01-02T18:30:00Z: disk");
  });
});

test("time turns a drain when it ends, and when the clock is set back", () => {
  const state = view({ drains: [drain(N2, { untilMs: NOW + 10 })] });
  expect(drainsTurn(state, NOW + 9)).toBe(false);
  expect(drainsTurn(state, NOW + 10)).toBe(true);
  state.wallMs = NOW + 10;
  expect(drainOf(state, KEY, { node: idOf(2), address: addressOf(2), port: 80 })).toBeNull();
  expect(drainsTurn(state, NOW + 9)).toBe(true);
});

test.each([
  { on: true, sinceMs: 0, untilMs: 9e15, service: null, target: N2 },
  { on: true, sinceMs: 0, untilMs: null, service: "*", target: N2 },
  { on: true, sinceMs: 0, untilMs: null, service: null, target: N2, comment: "a\nb" },
  { on: true, sinceMs: 0, untilMs: null, service: null, target: { address: "x", port: null } },
])("an entry like %j is not valid", (entry) => {
  expect(drainSchema.safeParse(entry).success).toBe(false);
});

describe("a drained node that holds a VIP", () => {
  const whole = drain({ node: idOf(1) });

  function decide(index: number, shared: Partial<Shared>, model = HELD) {
    const state = viewOf(model, index, { services: [SERVICE], ...shared });
    state.wallMs = NOW;
    return decideOwnership(state, VIP, NOW);
  }

  test("hands it to another that is not drained", () => {
    expect(decide(1, { drains: [whole] })).toMatchObject({
      act: "hold",
      reason: expect.stringContaining("drained: handing over to"),
      successor: expect.stringMatching(/[23]$/),
    });
    const second = drain({ node: idOf(2) });
    expect(decide(1, { drains: [whole, second] })).toMatchObject({ successor: idOf(3) });
  });

  test.each([
    ["nobody else can take it", { drains: [whole] }, [HELD[0], modelNode(2, { unfit: "down" })]],
    ["all are drained", { drains: [1, 2, 3].map((n) => drain({ node: idOf(n) })) }, HELD],
    ["only its servers are", { drains: [drain({ node: idOf(1) }, { keepVips: true })] }, HELD],
    ["one service is", { drains: [drain({ node: idOf(1) }, { service: KEY })] }, HELD],
    ["the drain is over", { drains: [drain({ node: idOf(1) }, { untilMs: NOW })] }, HELD],
  ])("keeps it when %s", (_, shared, model) => {
    expect(decide(1, shared, model as typeof HELD)).toMatchObject({ act: "hold", successor: null });
  });

  test("keeps it when an operator has ordered it there", () => {
    const moves = [{ vip: VIP, to: idOf(1), fromEpoch: 0 }];
    expect(decide(1, { drains: [whole], moves })).toMatchObject({ successor: null });
  });

  test("does not take a free one while another can, and does when none can", () => {
    const free = [modelNode(1, { priority: 200 }), modelNode(2)];
    expect(decide(1, {}, free).act).toBe("claim");
    expect(decide(1, { drains: [whole] }, free)).toEqual({
      act: "wait",
      reason: "n2 is preferred",
      awaits: idOf(2),
    });
    expect(decide(1, { drains: [whole] }, [modelNode(1)]).act).toBe("claim");
  });
});

describe("open connections of a drained server", () => {
  const drained = drain(N2);
  const key = drainKey(drained);

  function row(weight: number, active: number): Map<string, ObservedService> {
    const { scheduler, flags, onePacket, persistence } = SERVICE;
    return new Map([[KEY, {
      address: VIP,
      port: 80,
      protocol: "tcp",
      scheduler,
      flags,
      onePacket,
      persistence,
      altered: false,
      traffic: NO_TRAFFIC,
      servers: [{
        ...machine(2),
        weight,
        forwarding: "dr",
        tunnel: null,
        upper: 0,
        lower: 0,
        counters: { ...NO_COUNTERS, activeConnections: active, inactiveConnections: 2 },
      }],
    }]]);
  }

  test("are what the holder's kernel counts once it gives it nothing", () => {
    const state = view({ drains: [drained] });
    expect(openConnections(state, row(0, 5))).toEqual({ [key]: { active: 5, inactive: 2 } });
    expect(openConnections(state, row(1, 5))).toEqual({});
    expect(openConnections(state, new Map())).toEqual({});
  });

  test("are not told by a node that holds nothing, nor of a drain that is over", () => {
    expect(openConnections(view({ drains: [drained] }, 3), row(0, 5))).toEqual({});
    const over = { ...drained, untilMs: NOW };
    expect(openConnections(view({ drains: [over] }), row(0, 5))).toEqual({});
  });

  test("are known elsewhere from the holder's record, and unknown before", () => {
    const state = view({ drains: [drained] }, 3);
    expect(openInCluster(state, key, {})).toBeNull();
    const holder = state.peers.get(idOf(1));
    if (holder === undefined) throw new Error("n1 is missing");
    holder.record = { ...holder.record, open: { [key]: { active: 4, inactive: 1 } } };
    expect(openInCluster(state, key, {})).toEqual({ active: 4, inactive: 1 });
  });
});
