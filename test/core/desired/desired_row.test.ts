import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  desiredRow,
  followsFromDocument,
  soleServer,
} from "../../../src/core/desired/desired_row.ts";
import { NO_CHECK } from "../../../src/core/check.ts";
import { type Service, serviceKey } from "../../../src/core/service/service.ts";
import type { Hold, State } from "../../../src/core/state.ts";
import {
  arbitraryCluster,
  arbitraryShared,
  present,
  VIPS,
} from "../../support/arbitrary_cluster.ts";
import {
  addressOf,
  holding,
  idOf,
  machine,
  markService,
  type ModelNode,
  modelNode,
  serverEntry,
  service,
  viewOf,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";
import { rowServer } from "../../support/table_rows.ts";

const SERVICE = service();
const SHARED = { services: [SERVICE] };

/** Nodes to which the node's table forwards packets that still carry the VIP. */
function forwardsTo(state: State, of: Service): number[] {
  // Where IPVS is bypassed a packet is delivered, not forwarded.
  if (state.bypassed && state.holds.size === 0) return [];
  return desiredRow(state, of).service.servers
    .filter(({ weight, forwarding }) => weight > 0 && forwarding !== "nat")
    .map(({ address }) => Number(address.slice(7)))
    .filter((index) => idOf(index) !== state.self.id);
}

describe("of any cluster in which everybody sees the same", () => {
  const services = VIPS.map((address) => service({ address }));
  const cluster = arbitraryCluster(VIPS);

  test("no connection runs in a circle, whatever is said of services, servers and VIPs", () => {
    fc.assert(fc.property(cluster, arbitraryShared(VIPS), (model, shared) => {
      const nodes = present(model);
      const states = new Map(nodes.map(({ index }) => [index, viewOf(model, index, shared)]));
      for (const item of shared.services) {
        const next = (index: number): number[] => {
          const state = states.get(index);
          return state === undefined ? [] : forwardsTo(state, item);
        };
        for (const { index } of nodes) expect(reaches(next, index, index)).toBe(false);
      }
    }));
  });

  test("a row of machines nobody checks is the same for every node, whatever nodes do", () => {
    const steady = service({ members: false, check: NO_CHECK });
    const entry = serverEntry(machine(9), { weight: 3 });
    expect(followsFromDocument(steady)).toBe(true);
    expect(followsFromDocument(service({ members: false }))).toBe(false);
    expect(followsFromDocument(service({ check: NO_CHECK }))).toBe(false);
    fc.assert(fc.property(cluster, (model) => {
      for (const { index } of present(model)) {
        const state = viewOf(model, index, { services: [steady], servers: [entry] });
        const { servers } = desiredRow(state, steady).service;
        expect(servers.map(({ weight }) => weight)).toEqual([3]);
      }
    }));
  });

  test("who is ready to take over a VIP of a group is ready to take over all of them", () => {
    const vips = VIPS.map((address) => vipEntry({ address, group: "all" }));
    fc.assert(fc.property(cluster, fc.integer({ min: 1, max: 5 }), (model, to) => {
      const moved = { vip: VIP, to: idOf(to), fromEpoch: 4 };
      // As the leader is, so are the others.
      const together = model.map((node) => {
        const lead = node.holds.get(VIP);
        const holds = lead === undefined ? [] : VIPS.map((vip) => [vip, lead] as const);
        return { ...node, holds: new Map(holds) };
      });
      const epochs = new Map(VIPS.map((vip) => [vip, 4]));
      for (const { index } of present(together)) {
        const state = viewOf(together, index, { services, vips, moves: [moved], epochs });
        const soles = VIPS.map((vip) => soleServer(state, vip));
        expect(new Set(soles).size).toBe(1);
      }
    }));
  });

  test("no connection can run in a circle between two tables", () => {
    fc.assert(fc.property(cluster, (model) => {
      const nodes = present(model);
      const states = new Map(nodes.map(({ index }) => [index, viewOf(model, index, { services })]));
      for (const item of services) {
        const next = (index: number): number[] => {
          const state = states.get(index);
          // Where IPVS is bypassed a packet is delivered, not forwarded; dead nodes get none.
          if (state === undefined || (state.bypassed && state.holds.size === 0)) return [];
          const row = desiredRow(state, item).service.servers;
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
          for (const { address, weight } of desiredRow(state, item).service.servers) {
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
          desiredRow(viewOf(model, index, { services }), SERVICE).service.servers.map((s) =>
            s.address
          ),
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
    ["another standby would not be next, and is local already", [
      modelNode(1),
      modelNode(2, { holds: holding(1), phase: "leaving" }),
      modelNode(3, { priority: 200 }),
    ], 1],
    ["so is one that would not be next, while all is well", [
      modelNode(1),
      modelNode(2, { holds: holding(1) }),
      modelNode(3, { priority: 200 }),
    ], 1],
    ["a standby of two holders could take from one while the other goes on", [
      modelNode(1, { priority: 200 }),
      modelNode(2, { holds: holding(1) }),
      modelNode(3, { holds: holding(1, "holding", other) }),
    ], 1],
    ["a standby of a holder of both VIPs keeps the whole table warm", [
      modelNode(1, { priority: 200 }),
      modelNode(2, { holds: new Map([...holding(1), ...holding(1, "holding", other)]) }),
      modelNode(3),
    ], null],
    ["a node that has just let go serves alone", [
      modelNode(1, { holds: holding(1, "settling"), bypassed: false }),
      modelNode(2, { holds: holding(2) }),
    ], 1],
    ["and finishes alone", [
      modelNode(1, { holds: holding(1, "lingering"), bypassed: false }),
      modelNode(2, { holds: holding(2) }),
    ], 1],
    [
      "a standby that would take a VIP nobody holds is local first: the holder of this one goes on",
      [
        modelNode(1, { priority: 200 }),
        modelNode(2, { holds: holding(1) }),
      ],
      1,
    ],
    ["a standby that would not be the one to take it stays warm", [
      modelNode(1),
      modelNode(2, { holds: holding(1), priority: 200 }),
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

  test("the target of a move is ready for every VIP of the group, though the order names the first", () => {
    const held = new Map([...holding(4), ...holding(2, "holding", other)]);
    const model = [modelNode(1), modelNode(2, { holds: held })];
    const vips = [VIP, other].map((address) => vipEntry({ address, group: "web" }));
    const moves = [{ vip: VIP, to: idOf(1), fromEpoch: 4 }];
    expect(soleServer(viewOf(model, 1, { ...both, moves, vips }), other)).toBe(idOf(1));
    // One VIP taken ends the bypass for all: also those that stay where they are must be local first.
    expect(soleServer(viewOf(model, 1, { ...both, moves }), other)).toBe(idOf(1));
    expect(soleServer(viewOf(model, 1, both), other)).toBeNull();
    const holder = viewOf(model, 2, { ...both, moves, vips });
    holder.holds.set(other, { ...holder.holds.get(VIP), successor: idOf(1) } as Hold);
    expect([VIP, other].map((vip) => soleServer(holder, vip))).toEqual([idOf(1), idOf(1)]);
  });

  test("the node to which a VIP goes back is ready to serve alone", () => {
    const model = [modelNode(1), modelNode(2, { holds: holding(4) })];
    const vips = [vipEntry({ prefer: [idOf(1)], failbackS: 30 })];
    const state = viewOf(model, 1, { ...SHARED, vips });
    state.failbacks.set(VIP, { to: idOf(1), sinceMs: 0, near: true });
    expect(soleServer(state, VIP)).toBe(idOf(1));
    state.failbacks.set(VIP, { to: idOf(1), sinceMs: 0, near: false });
    expect(soleServer(state, VIP)).toBeNull();
  });

  test("of two claimers the one whose claim stands decides who is the successor", () => {
    const leaving = modelNode(2, { holds: holding(3), phase: "leaving" });
    const staying = modelNode(3, { holds: holding(4) });
    expect(soleServer(viewOf([modelNode(1), leaving, staying], 1, SHARED), VIP)).toBeNull();
    const other = [modelNode(1), { ...leaving, holds: holding(5) }, staying];
    expect(soleServer(viewOf(other, 1, SHARED), VIP)).toBe(idOf(1));
  });
});

describe("desiredRow", () => {
  test("has what the service says and what is said of a server", () => {
    const item = service({
      scheduler: "mh",
      flags: ["flag-1"],
      persistence: { timeoutS: 60, prefixLength: 24, engine: null },
      forwarding: "nat",
      serverPort: 8_080,
      upper: 10,
      lower: 5,
    });
    const tunnel = { kind: "gre", port: 0, checksum: "csum" } as const;
    const servers = [
      serverEntry({ node: idOf(2) }, { forwarding: "tunnel", tunnel, upper: 20, lower: 0 }),
    ];
    const model = [modelNode(1, { holds: holding(1) }), modelNode(2)];
    const { service: row } = desiredRow(viewOf(model, 1, { services: [item], servers }), item);
    expect(row).toMatchObject({
      scheduler: "mh",
      flags: ["flag-1"],
      persistence: { timeoutS: 60, prefixLength: 24, engine: null },
      onePacket: false,
    });
    const nat = { port: 8_080, forwarding: "nat", upper: 10, lower: 5 } as const;
    expect(row.servers).toEqual([
      rowServer(1, nat),
      rowServer(2, { port: 8_080, forwarding: "tunnel", tunnel, upper: 20, lower: 0 }),
    ]);
  });

  test("of a node that is alone serves before its server was checked, and not when the check failed", () => {
    const item = service();
    for (const [serving, checked, weight] of [[true, false, 1], [false, true, 0]] as const) {
      const model = [
        modelNode(1, { holds: holding(1, "lingering"), serving }),
        modelNode(2, { holds: holding(2) }),
      ];
      const state = viewOf(model, 1, { services: [item] });
      if (!checked) state.own.delete(serviceKey(item));
      const { servers } = desiredRow(state, item).service;
      expect(servers.map((server) => server.weight)).toEqual([weight, 0]);
    }
  });

  test("of a mark service is known by the mark, and keeps the client's port", () => {
    const item = markService({ onePacket: true });
    const state = viewOf([modelNode(1, { holds: holding(1) })], 1, { services: [item] });
    const { service: row } = desiredRow(state, item);
    expect(row).toMatchObject({ protocol: "fwm", family: 4, mark: 7, onePacket: true });
    expect(row).not.toHaveProperty("vips");
    expect(row.servers).toEqual([rowServer(1, { port: 0 })]);
  });

  test("is the service with a server on the service's port", () => {
    const item = service({ port: 8_080, scheduler: "rr" });
    const state = viewOf([modelNode(1, { holds: holding(1) })], 1, { services: [item] });
    expect(desiredRow(state, item)).toEqual({
      service: {
        address: VIP,
        port: 8_080,
        protocol: "tcp",
        scheduler: "rr",
        flags: [],
        onePacket: false,
        persistence: null,
        servers: [rowServer(1, { port: 8_080 })],
      },
      dropped: new Set(),
    });
  });
});
