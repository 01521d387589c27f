import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatEndpoint } from "../../../src/core/address.ts";
import { type DesiredRow, idleServers, planRow } from "../../../src/core/table/plan.ts";
import type {
  ObservedServer,
  ObservedService,
  TableOperation,
  TableServer,
  TableService,
} from "../../../src/core/table/table.ts";
import { rowAfter } from "../../support/row_after.ts";
import { connected, NO_COUNTERS, observedRow, ROW, rowServer } from "../../support/table_rows.ts";

/** A server of a row by its number. */
function server(index: number, weight: number): TableServer {
  return rowServer(index, { weight });
}

/** What the kernel has after the operation. Throws for what it would refuse. */
function applied(row: ObservedService | null, operation: TableOperation): ObservedService | null {
  if (operation.kind === "addService" ? row !== null : row === null) {
    throw new Error(`${operation.kind}: the service is ${row === null ? "missing" : "there"}`);
  }
  if ("server" in operation) {
    const exists = row?.servers.some((other) =>
      formatEndpoint(other) === formatEndpoint(operation.server)
    );
    if (exists !== (operation.kind !== "addServer")) {
      throw new Error(`${operation.kind}: the server is ${exists ? "there" : "missing"}`);
    }
  }
  return rowAfter(row, operation);
}

/** The parts that count, in an order of their own. */
function content(row: ObservedService | TableService) {
  const { scheduler, flags, onePacket, persistence } = row;
  const servers = row.servers.map((item) => ({ ...item, counters: undefined }))
    .toSorted((a, b) => formatEndpoint(a) < formatEndpoint(b) ? -1 : 1);
  return { scheduler, flags, onePacket, persistence, servers };
}

const weighted = (row: ObservedService | TableService | null) =>
  row?.servers.some(({ weight }) => weight > 0) ?? false;

const indexes = fc.uniqueArray(fc.integer({ min: 1, max: 6 }));
const weight = fc.constantFrom(0, 0, 1, 1, 5);
const threshold = fc.constantFrom(0, 0, 100, 200);
const method = fc.constantFrom(
  { forwarding: "dr", tunnel: null } as const,
  { forwarding: "nat", tunnel: null } as const,
  { forwarding: "tunnel", tunnel: { kind: "ipip", port: 0, checksum: "none" } } as const,
  { forwarding: "tunnel", tunnel: { kind: "gue", port: 6_080, checksum: "csum" } } as const,
);
const settings = fc.record({
  scheduler: fc.constantFrom("wlc" as const, "rr" as const, "sh" as const),
  flags: fc.constantFrom([], ["flag-1" as const], ["flag-1" as const, "flag-2" as const]),
  onePacket: fc.boolean(),
  persistence: fc.constantFrom(
    null,
    { timeoutS: 360, prefixLength: null, engine: null },
    { timeoutS: 360, prefixLength: 24, engine: null },
    { timeoutS: 60, prefixLength: null, engine: "sip" as const },
  ),
});
function serversOf<Fields extends object>(fields: fc.Arbitrary<Fields>) {
  const one = (index: number) =>
    fc.tuple(weight, method, threshold, threshold, fields).map((
      [value, how, upper, lower, more],
    ) => ({ ...server(index, value), ...how, upper, lower: Math.min(upper, lower), ...more }));
  return indexes.chain((list) => fc.tuple(...list.map(one)));
}
const desired: fc.Arbitrary<DesiredRow> = fc.record({
  service: fc.record({ settings, servers: serversOf(fc.constant({})) })
    .map((fields): TableService => ({ ...ROW, ...fields.settings, servers: fields.servers })),
  dropped: indexes.map((list) => new Set(list.map((index) => formatEndpoint(server(index, 0))))),
});
const counters = fc.constantFrom(NO_COUNTERS, NO_COUNTERS, connected(3), connected(0, 2));
const foreign = fc.constantFrom({}, {}, {}, { forwarding: "local" as const, tunnel: null });
const observed: fc.Arbitrary<ObservedService | null> = fc.option(
  fc.record({
    settings,
    altered: fc.boolean(),
    servers: serversOf(
      fc.tuple(counters, foreign).map(([counted, more]) => ({ counters: counted, ...more })),
    ),
  }).map((fields): ObservedService => ({
    ...observedRow(ROW),
    ...fields.settings,
    altered: fields.altered,
    servers: fields.servers,
  })),
  { freq: 6 },
);

/** Servers the kernel still has although nobody wants them. */
function remaining({ service }: DesiredRow, row: ObservedService | null): ObservedServer[] {
  const wanted = new Set(service.servers.map(formatEndpoint));
  return (row?.servers ?? []).filter((item) => !wanted.has(formatEndpoint(item)));
}

/** The plan for a row that has been as it is for long; unless `counted`, nobody has looked at its connections. */
function planFor(wanted: DesiredRow, row: ObservedService | null, counted: boolean) {
  return planRow(wanted, row, counted ? idleServers(row, row) : new Set());
}

/** The row after a plan, as it is told at the next look: with the counters of the time before. */
function after(wanted: DesiredRow, row: ObservedService | null, counted: boolean) {
  return planFor(wanted, row, counted).reduce(applied, row);
}

/** The row when every connection has ended. */
function ended(row: ObservedService | null): ObservedService | null {
  if (row === null) return null;
  return { ...row, servers: row.servers.map((item) => ({ ...item, counters: NO_COUNTERS })) };
}

describe("planRow, applied one by one", () => {
  test("gives exactly the desired row, and beside it only what is drained", () => {
    fc.assert(fc.property(desired, observed, fc.boolean(), (wanted, present, counted) => {
      const result = after(wanted, present, counted) as ObservedService;
      const left = remaining(wanted, result);
      const own = result.servers.filter((item) => !left.includes(item));
      expect(result.altered).toBe(false);
      expect(content({ ...result, servers: own })).toEqual(content(wanted.service));
      for (const item of left) expect(item.weight).toBe(0);
      expect(planFor(wanted, result, false)).toEqual([]);
    }));
  });

  test("never removes a server that has connections, or may have got some since, unless it is dropped", () => {
    fc.assert(fc.property(desired, observed, fc.boolean(), (wanted, present, counted) => {
      for (const operation of planFor(wanted, present, counted)) {
        if (operation.kind !== "removeServer") continue;
        const endpoint = formatEndpoint(operation.server);
        const before = present?.servers.find((item) => formatEndpoint(item) === endpoint);
        const sum = (before?.counters.activeConnections ?? 0) +
          (before?.counters.inactiveConnections ?? 0);
        const ownMethod = before?.forwarding !== "local";
        if (wanted.dropped.has(endpoint) || !ownMethod) continue;
        expect([counted, before?.weight, sum]).toEqual([true, 0, 0]);
      }
    }));
  });

  test("removes every server that is not wanted when it is idle at the next look", () => {
    fc.assert(fc.property(desired, observed, (wanted, present) => {
      const drained = after(wanted, present, true);
      expect(remaining(wanted, after(wanted, ended(drained), false)))
        .toHaveLength(remaining(wanted, drained).length);
      expect(remaining(wanted, after(wanted, ended(drained), true))).toEqual([]);
    }));
  });

  test("never leaves a row without a weighted server that had one and shall have one", () => {
    fc.assert(fc.property(desired, observed, fc.boolean(), (wanted, present, counted) => {
      fc.pre(weighted(wanted.service) && weighted(present));
      let row = present;
      for (const operation of planFor(wanted, present, counted)) {
        row = applied(row, operation);
        expect(weighted(row)).toBe(true);
      }
    }));
  });

  test("touches every server at most once, and no server that is as wanted", () => {
    fc.assert(fc.property(desired, observed, (wanted, present) => {
      const touched = planFor(wanted, present, true).flatMap((operation) =>
        "server" in operation ? [formatEndpoint(operation.server)] : []
      );
      expect(new Set(touched).size).toBe(touched.length);
      for (const item of wanted.service.servers) {
        const before = present?.servers.find((other) => other.address === item.address);
        if (before === undefined) continue;
        const { counters: _counters, ...plain } = before;
        const same = JSON.stringify(plain) === JSON.stringify(item);
        expect(touched.includes(formatEndpoint(item))).toBe(!same);
      }
    }));
  });
});

describe("idleServers", () => {
  const draining = (counters: ObservedServer["counters"], value = 0): ObservedService => (
    { ...observedRow(ROW), servers: [{ ...server(1, value), counters }] }
  );
  const idle = draining(NO_COUNTERS);

  test("are those that had no connections at two looks and got none between them", () => {
    expect([...idleServers(idle, idle)]).toEqual([formatEndpoint(server(1, 0))]);
  });

  test.each<[what: string, before: ObservedService | null, now: ObservedService | null]>([
    ["a standby has just heard of its connection", idle, draining(connected(1))],
    ["its connection has just ended", draining(connected(0, 1)), idle],
    ["it got connections until just now", draining(NO_COUNTERS, 1), idle],
    ["it is raised again", idle, draining(NO_COUNTERS, 1)],
    ["the row was not there before", null, idle],
    ["nobody looked", idle, null],
  ])("are not known when %s", (_what, before, now) => {
    expect(idleServers(before, now).size).toBe(0);
  });
});

describe("planRow", () => {
  /** `raise 10.0.0.1 1`, short enough to read in a row. */
  const words = (operations: TableOperation[]) =>
    operations.map((operation) => {
      if (!("server" in operation)) return operation.kind;
      const { address } = operation.server;
      const value = "weight" in operation.server ? ` ${operation.server.weight}` : "";
      return `${operation.kind} ${address.slice(7)}${value}`;
    });
  const row = (...servers: [index: number, weight: number][]) => ({
    ...ROW,
    servers: servers.map(([index, value]) => server(index, value)),
  });
  const plan = (service: TableService, present: ObservedService | null, dropped: string[] = []) =>
    words(planFor({ service, dropped: new Set(dropped) }, present, true));

  test("adds and raises, then lowers, then removes", () => {
    const present = observedRow(row([1, 1], [2, 1], [3, 0], [4, 0], [6, 1]));
    const wanted = row([1, 0], [2, 1], [3, 1], [5, 1]);
    expect(plan(wanted, present)).toEqual([
      "editServer 3 1",
      "addServer 5 1",
      "editServer 1 0",
      "editServer 6 0",
      "removeServer 4",
    ]);
  });

  test("makes a row that is not there, service first", () => {
    expect(plan(row([1, 1], [2, 0]), null)).toEqual([
      "addService",
      "addServer 1 1",
      "addServer 2 0",
    ]);
  });

  test("is empty when nothing is to be done", () => {
    expect(plan(row([1, 1], [2, 0]), observedRow(row([2, 0], [1, 1])))).toEqual([]);
  });

  test("drains a server before it is removed, and leaves all else of it as it is", () => {
    const before = { ...server(2, 5), upper: 100, lower: 50, counters: connected(1) };
    const present = { ...observedRow(row([1, 1])), servers: [before] };
    const [, lowered] = planFor({ service: row([1, 1]), dropped: new Set() }, present, true);
    const { counters: _counters, ...plain } = before;
    expect(lowered).toMatchObject({ kind: "editServer", server: { ...plain, weight: 0 } });
    const draining = { ...present, servers: [{ ...before, weight: 0 }] };
    expect(plan(row([1, 1]), draining)).toEqual(["addServer 1 1"]);
    const closing = { ...before, weight: 0, counters: connected(0, 1) };
    expect(plan(row([1, 1]), { ...present, servers: [closing] })).toEqual(["addServer 1 1"]);
    const idle = { ...before, weight: 0, counters: NO_COUNTERS };
    expect(plan(row([1, 1]), { ...present, servers: [idle] }))
      .toEqual(["addServer 1 1", "removeServer 2"]);
  });

  test("removes a server at once that was dropped, and one that troop cannot describe", () => {
    const busy = { ...server(2, 5), counters: connected(1) };
    const present = { ...observedRow(row([1, 1])), servers: [busy] };
    expect(plan(row([1, 1]), present, ["10.0.0.2:80"])).toEqual([
      "addServer 1 1",
      "removeServer 2",
    ]);
    const local = { ...present, servers: [{ ...busy, forwarding: "local" as const }] };
    expect(plan(row([1, 1]), local)).toEqual(["addServer 1 1", "removeServer 2"]);
  });

  test("takes a draining server back when it is wanted again", () => {
    const draining = { ...server(1, 0), counters: connected(4) };
    const present = { ...observedRow(row()), servers: [draining] };
    expect(plan(row([1, 1]), present)).toEqual(["editServer 1 1"]);
  });

  const service: [what: string, fields: Partial<ObservedService>, wanted: Partial<TableService>][] =
    [
      ["another scheduler", { scheduler: "rr" }, {}],
      ["what somebody else set on the row", { altered: true }, {}],
      ["other flags", { flags: ["flag-1"] }, { flags: ["flag-2"] }],
      ["one flag too many", { flags: ["flag-1"] }, {}],
      ["one-packet scheduling", { onePacket: true }, {}],
      [
        "persistence that nobody wants",
        { persistence: { timeoutS: 360, prefixLength: null, engine: null } },
        {},
      ],
      [
        "another persistence timeout",
        { persistence: { timeoutS: 360, prefixLength: null, engine: null } },
        { persistence: { timeoutS: 300, prefixLength: null, engine: null } },
      ],
      [
        "another mask",
        { persistence: { timeoutS: 360, prefixLength: 24, engine: null } },
        { persistence: { timeoutS: 360, prefixLength: null, engine: null } },
      ],
      [
        "another persistence engine",
        { persistence: { timeoutS: 360, prefixLength: null, engine: null } },
        { persistence: { timeoutS: 360, prefixLength: null, engine: "sip" } },
      ],
    ];
  test.each(service)("changes a row in place that has %s", (_what, fields, wanted) => {
    const present = { ...observedRow(row([1, 1])), ...fields } as ObservedService;
    expect(plan({ ...row([1, 1]), ...wanted } as TableService, present)).toEqual(["editService"]);
  });

  test.each([
    [4, 32, ROW],
    [6, 128, { ...ROW, address: "2001:db8::100" }],
  ])("an IPv%d mask of all %d bits is none", (_family, prefixLength, bare) => {
    const persistence = { timeoutS: 360, prefixLength, engine: null };
    const wanted = { ...bare, persistence: { ...persistence, prefixLength: null } };
    expect(plan(wanted, { ...observedRow(bare), persistence })).toEqual([]);
    expect(plan({ ...bare, persistence }, observedRow(wanted))).toEqual([]);
  });

  const servers: [what: string, fields: Partial<TableServer>][] = [
    ["upper threshold", { upper: 10 }],
    ["lower threshold", { lower: 10 }],
    ["forwarding method", { forwarding: "nat" }],
    ["tunnel", { forwarding: "tunnel", tunnel: { kind: "gre", port: 0, checksum: "none" } }],
  ];
  test.each(servers)("changes a server in place that has another %s", (_what, fields) => {
    const changed = { ...ROW, servers: [{ ...server(1, 1), ...fields }] };
    expect(plan(changed, observedRow(row([1, 1])))).toEqual(["editServer 1 1"]);
    expect(plan(row([1, 1]), observedRow(changed))).toEqual(["editServer 1 1"]);
    expect(plan(changed, observedRow(changed))).toEqual([]);
  });

  test.each(
    [
      { kind: "gue", port: 6_081, checksum: "none" },
      { kind: "gue", port: 6_080, checksum: "csum" },
      { kind: "ipip", port: 0, checksum: "none" },
    ] as const,
  )("changes a server in place whose tunnel is not %j", (tunnel) => {
    const gue = { kind: "gue", port: 6_080, checksum: "none" } as const;
    const tunnelled = (how: TableServer["tunnel"]) => ({
      ...ROW,
      servers: [rowServer(1, { forwarding: "tunnel", tunnel: how })],
    });
    expect(plan(tunnelled(tunnel), observedRow(tunnelled(gue)))).toEqual(["editServer 1 1"]);
    expect(plan(tunnelled({ ...gue }), observedRow(tunnelled(gue)))).toEqual([]);
  });

  test("gives a server its forwarding method back before others lose connections", () => {
    const present = observedRow(row([1, 1], [2, 1]));
    const bypass = present.servers.map((item) => ({ ...item, forwarding: "bypass" as const }));
    expect(plan(row([1, 0], [2, 1]), { ...present, servers: bypass }))
      .toEqual(["editServer 2 1", "editServer 1 0"]);
  });

  test("tells servers apart by port", () => {
    const present = observedRow({ ...ROW, servers: [{ ...server(1, 0), port: 8_080 }] });
    expect(plan(row([1, 1]), present)).toEqual(["addServer 1 1", "removeServer 1"]);
  });

  test("knows a row by its mark", () => {
    const mark = {
      protocol: "fwm",
      family: 6,
      mark: 7,
      scheduler: "wlc",
      flags: [],
      onePacket: false,
      persistence: null,
      servers: [],
    } as const;
    expect(plan(mark, observedRow(mark))).toEqual([]);
    expect(plan(mark, null)).toEqual(["addService"]);
  });
});
