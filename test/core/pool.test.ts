import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  desiredRow,
  ownVerdict,
  poolOf,
  serverAddress,
  soleServer,
  weightsOf,
} from "../../src/core/pool.ts";
import { type Service, serviceKey } from "../../src/core/service.ts";
import type { History } from "../../src/core/health.ts";
import type { Peer, State } from "../../src/core/state.ts";
import { arbitraryCluster, present, VIPS } from "../support/arbitrary_cluster.ts";
import {
  addressOf,
  holding,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";

const SERVICE = service();
const KEY = serviceKey(SERVICE);
const SHARED = { services: [SERVICE] };

/** Weights by the number of the node. */
function weights(state: State, of: Service = SERVICE): Record<string, number> {
  return Object.fromEntries(
    desiredRow(state, of).servers.map(({ address, weight }) => [address.slice(7), weight]),
  );
}

function peer(state: State, index: number): Peer {
  return state.peers.get(idOf(index)) as Peer;
}

function verdict(up: boolean): History {
  return { up, reason: up ? "200" : "timed out", sinceMs: 0, tookMs: 1, checked: true, streak: 0 };
}

describe("of any cluster in which everybody sees the same", () => {
  const services = VIPS.map((address) => service({ address }));
  const cluster = arbitraryCluster(VIPS);

  test("no connection can run in a circle between two tables", () => {
    fc.assert(fc.property(cluster, (model) => {
      const nodes = present(model);
      const states = new Map(nodes.map(({ index }) => [index, viewOf(model, index, { services })]));
      for (const item of services) {
        const next = (index: number): number[] => {
          const state = states.get(index);
          // Where IPVS is bypassed a packet is delivered, not forwarded; dead nodes get none.
          if (state === undefined || (state.bypassed && state.holds.size === 0)) return [];
          const row = desiredRow(state, item).servers;
          return row.filter(({ weight, address }) => weight > 0 && address !== addressOf(index))
            .map(({ address }) => Number(address.slice(7)));
        };
        for (const { index } of nodes) expect(reaches(next, index, index)).toBe(false);
      }
    }));
  });

  test("weights are 0 or 1, and who is not there gets none", () => {
    fc.assert(fc.property(cluster, (model) => {
      for (const { index } of present(model)) {
        const state = viewOf(model, index, { services });
        for (const item of services) {
          for (const { address, weight } of desiredRow(state, item).servers) {
            expect([0, 1]).toContain(weight);
            const server = model.find((node) => addressOf(node.index) === address) as ModelNode;
            const other = server.index !== index;
            const may = server.serving &&
              (!other || (server.life !== "dead" && server.phase === "running"));
            if (!may) expect(weight).toBe(0);
          }
        }
      }
    }));
  });

  test("every real server that has not left is in the row, by name, with a weight of its own", () => {
    fc.assert(fc.property(cluster, (model) => {
      for (const { index } of present(model)) {
        const expected = model.filter((node) => node.realServer && node.life !== "left");
        expect(
          desiredRow(viewOf(model, index, { services }), SERVICE).servers.map((s) => s.address),
        )
          .toEqual(expected.map((node) => addressOf(node.index)));
      }
    }));
  });
});

/** Whether a path of at least one step leads from `from` to `to`. */
function reaches(next: (index: number) => number[], from: number, to: number): boolean {
  const seen = new Set<number>();
  const visit = (index: number): boolean =>
    next(index).some((other) => {
      if (other === to) return true;
      if (seen.has(other)) return false;
      seen.add(other);
      return visit(other);
    });
  return visit(from);
}

describe("soleServer", () => {
  const other = "10.0.0.101";
  const both = { services: [SERVICE, service({ address: other })] };
  const cases: [what: string, model: ModelNode[], sole: number | null][] = [
    ["a holder without a rival spreads over everybody", [
      modelNode(1, { holds: holding(1), bypassed: false }),
      modelNode(2),
    ], null],
    ["a holder with a rival serves alone", [
      modelNode(1, { holds: holding(2), bypassed: false }),
      modelNode(2, { holds: holding(1) }),
    ], 1],
    ["a holder whose rival is dead spreads over everybody", [
      modelNode(1, { holds: holding(1), bypassed: false }),
      modelNode(2, { holds: holding(2), life: "dead" }),
    ], null],
    ["a holder that leaves gives everything to its successor", [
      modelNode(1, { holds: holding(1), phase: "leaving", bypassed: false }),
      modelNode(2),
    ], 2],
    ["the successor of a holder that leaves is ready to serve alone", [
      modelNode(1),
      modelNode(2, { holds: holding(1), phase: "leaving" }),
    ], 1],
    ["another standby is not", [
      modelNode(1),
      modelNode(2, { holds: holding(1), phase: "leaving" }),
      modelNode(3, { priority: 200 }),
    ], null],
    ["a node that has just let go serves alone", [
      modelNode(1, { holds: holding(1, "settling"), bypassed: false }),
      modelNode(2, { holds: holding(2) }),
    ], 1],
    ["and finishes alone", [
      modelNode(1, { holds: holding(1, "lingering"), bypassed: false }),
      modelNode(2, { holds: holding(2) }),
    ], 1],
    ["a standby that is bypassed keeps the whole table warm", [
      modelNode(1),
      modelNode(2, { holds: holding(1) }),
    ], null],
    ["a standby whose IPVS works serves alone", [
      modelNode(1, { bypassed: false }),
      modelNode(2, { holds: holding(1) }),
    ], 1],
    ["a holder of another VIP serves this one alone", [
      modelNode(1, { holds: holding(1, "holding", other), bypassed: true }),
      modelNode(2, { holds: holding(1) }),
    ], 1],
  ];
  test.each(cases)("%s", (_what, model, sole) => {
    expect(soleServer(viewOf(model, 1, both), VIP)).toBe(sole === null ? null : idOf(sole));
  });

  test("the target of a move is ready to serve alone", () => {
    const model = [modelNode(1), modelNode(2, { holds: holding(4) })];
    const moves = [{ vip: VIP, to: idOf(1), fromEpoch: 4 }];
    expect(soleServer(viewOf(model, 1, { ...SHARED, moves }), VIP)).toBe(idOf(1));
    expect(soleServer(viewOf(model, 1, SHARED), VIP)).toBeNull();
  });

  test("of two claimers the one whose claim stands decides who is the successor", () => {
    const leaving = modelNode(2, { holds: holding(3), phase: "leaving" });
    const staying = modelNode(3, { holds: holding(4) });
    expect(soleServer(viewOf([modelNode(1), leaving, staying], 1, SHARED), VIP)).toBeNull();
    const other = [modelNode(1), { ...leaving, holds: holding(5) }, staying];
    expect(soleServer(viewOf(other, 1, SHARED), VIP)).toBe(idOf(1));
  });
});

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

  test("names every candidate of the pool", () => {
    const state = viewOf([modelNode(1), modelNode(2)], 1, SHARED);
    const pool = poolOf(state, SERVICE);
    expect([...weightsOf(state, SERVICE, pool).keys()]).toEqual([idOf(1), idOf(2)]);
  });
});

describe("poolOf", () => {
  function entry(change: (state: State) => void, fields: Partial<ModelNode> = {}) {
    const state = viewOf([modelNode(1, { holds: holding(1) }), modelNode(2, fields)], 1, SHARED);
    change(state);
    return poolOf(state, SERVICE).find(({ name }) => name === "n2");
  }
  const nothing = () => {};

  const cases: [
    what: string,
    fields: Partial<ModelNode>,
    change: (state: State) => void,
    up: boolean,
    reason: string,
  ][] = [
    ["works", {}, nothing, true, "itself: 200 in 1 ms; holder has not checked"],
    [
      "works, and the holder reaches it",
      {},
      (state) => peer(state, 2).reached.set(KEY, verdict(true)),
      true,
      "itself: 200 in 1 ms; holder: 200",
    ],
    [
      "says it works, and the holder does not reach it",
      {},
      (state) => peer(state, 2).reached.set(KEY, verdict(false)),
      false,
      "holder: timed out; itself: 200 in 1 ms",
    ],
    [
      "says it does not work",
      { serving: false },
      (state) => peer(state, 2).reached.set(KEY, verdict(true)),
      false,
      "itself: connection refused; holder: 200",
    ],
    ["is suspect, which proves nothing", { life: "suspect" }, nothing, true, "itself: 200"],
    ["is dead", { life: "dead" }, nothing, false, "its node is dead"],
    ["was not heard in this run", { heard: false }, nothing, false, "not heard yet"],
    ["is starting", { phase: "starting" }, nothing, false, "is starting"],
    ["is leaving", { phase: "leaving" }, nothing, false, "is leaving"],
    [
      "said by gossip that it leaves",
      {},
      (state) => {
        peer(state, 2).record = { ...peer(state, 2).record, phase: "leaving" };
      },
      false,
      "is leaving",
    ],
    [
      "knows nothing of the service yet",
      {},
      (state) => {
        peer(state, 2).record = { ...peer(state, 2).record, verdicts: {} };
      },
      false,
      "no verdict yet",
    ],
  ];
  test.each(cases)("a server that %s", (_what, fields, change, up, reason) => {
    expect(entry(change, fields)).toMatchObject({ up, reason: expect.stringContaining(reason) });
  });

  const missing: [what: string, fields: Partial<ModelNode>, change: (state: State) => void][] = [
    ["has left", { life: "left" }, nothing],
    ["is no real server", { realServer: false }, nothing],
    [
      "has no address of the VIP's family",
      {},
      (state) => {
        const path = { interface: "eth0", address: "2001:db8::2", prefixLength: 64 };
        peer(state, 2).record = { ...peer(state, 2).record, paths: [path] };
      },
    ],
  ];
  test.each(missing)("a node that %s is no candidate", (_what, fields, change) => {
    expect(entry(change, fields)).toBeUndefined();
  });

  test("a machine that was set up anew is one server, not also the node it was before", () => {
    const model = [
      modelNode(1, { holds: holding(1) }),
      modelNode(2, { life: "dead" }),
      modelNode(3),
    ];
    const state = viewOf(model, 1, SHARED);
    const old = peer(state, 2);
    const fresh = peer(state, 3);
    fresh.record = { ...fresh.record, name: old.record.name, paths: old.record.paths };
    expect(poolOf(state, SERVICE).map(({ node, up }) => [node, up])).toEqual([
      [idOf(1), true],
      [idOf(3), true],
    ]);
    // And the same when this is the machine.
    old.record = { ...old.record, paths: [...state.self.paths] };
    expect(poolOf(state, SERVICE).map(({ node }) => node)).toEqual([idOf(1), idOf(3)]);
  });
});

describe("ownVerdict", () => {
  const state = () => viewOf([modelNode(1)], 1, SHARED);

  test("is what the check says", () => {
    expect(ownVerdict(state(), SERVICE)).toEqual({ up: true, reason: "200 in 1 ms" });
  });

  test("is down without a socket, whatever the last check said", () => {
    const deaf = state();
    deaf.deaf.set(KEY, "nothing listens on tcp port 80");
    expect(ownVerdict(deaf, SERVICE)).toEqual({
      up: false,
      reason: "nothing listens on tcp port 80",
    });
  });

  test("is down before the first check", () => {
    const fresh = state();
    fresh.own.clear();
    expect(ownVerdict(fresh, SERVICE)).toEqual({ up: false, reason: "not checked yet" });
  });
});

test("serverAddress is the first path of the VIP's family", () => {
  const paths = ["2001:db8::1", "192.0.2.1", "10.0.0.1"].map((address) => ({
    interface: "eth0",
    address,
    prefixLength: 24,
  }));
  expect(serverAddress(paths, service({ address: "192.0.2.240" }))).toBe("192.0.2.1");
  expect(serverAddress(paths, service({ address: "2001:db8::240" }))).toBe("2001:db8::1");
  expect(serverAddress(paths.slice(1), service({ address: "2001:db8::240" }))).toBeUndefined();
});

test("desiredRow is the service with a server on the service's port", () => {
  const item = service({ port: 8_080, scheduler: "rr" });
  const state = viewOf([modelNode(1, { holds: holding(1) })], 1, { services: [item] });
  expect(state.lastTickMs).toBe(NOW);
  expect(desiredRow(state, item)).toEqual({
    address: VIP,
    port: 8_080,
    protocol: "tcp",
    scheduler: "rr",
    servers: [{ address: "10.0.0.1", port: 8_080, weight: 1, forwarding: "dr" }],
  });
});
