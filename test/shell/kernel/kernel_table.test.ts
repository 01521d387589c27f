/** The Table port over a table in a map: what becomes of operations when the world is otherwise than thought. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatServiceName } from "../../../src/core/service/service_name.ts";
import type { ObservedService, TableOperation } from "../../../src/core/table/table.ts";
import { CHANGES_PER_BATCH, createKernelTable } from "../../../src/shell/kernel/kernel_table.ts";
import { PLAIN_SERVER as server, WEB as service } from "../../support/table_rows.ts";
import { createFakeIpvs, type FakeKernel } from "./fake_ipvs.ts";

function open(has: Partial<FakeKernel> = {}) {
  const ipvs = createFakeIpvs(has);
  const table = createKernelTable({ table: ipvs, daemons: ipvs, now: () => performance.now() });
  return { ipvs, table };
}

const elsewhere = { ...service, port: 81 };
const mark = { protocol: "fwm", family: 6, mark: 7 } as const;

describe("apply turns an operation into the one that leads to the same row", () => {
  const cases: {
    what: string;
    before: TableOperation[];
    operations: TableOperation[];
    after: string[];
  }[] = [
    {
      what: "a service that is there is changed",
      before: [{ kind: "addService", service }],
      operations: [{ kind: "addService", service: { ...service, scheduler: "wlc" } }],
      after: ["192.0.2.10:80/6 wlc"],
    },
    {
      what: "a service to be changed that is not there is added",
      before: [],
      operations: [{ kind: "editService", service }],
      after: ["192.0.2.10:80/6 rr"],
    },
    {
      what: "a server that is there is changed",
      before: [{ kind: "addService", service }, { kind: "addServer", service, server }],
      operations: [{ kind: "addServer", service, server: { ...server, weight: 5 } }],
      after: ["192.0.2.10:80/6 rr", "> 10.1.0.1:80 w5"],
    },
    {
      what: "a server to be changed that is not there is added",
      before: [{ kind: "addService", service }],
      operations: [{ kind: "editServer", service, server }],
      after: ["192.0.2.10:80/6 rr", "> 10.1.0.1:80 w1"],
    },
    {
      what: "with a service that was gone, its servers are added too",
      before: [],
      operations: [
        { kind: "editService", service },
        { kind: "editServer", service, server },
        { kind: "addServer", service, server: { ...server, port: 81 } },
      ],
      after: ["192.0.2.10:80/6 rr", "> 10.1.0.1:80 w1", "> 10.1.0.1:81 w1"],
    },
    {
      what: "what is removed and not there is done",
      before: [{ kind: "addService", service }],
      operations: [
        { kind: "removeServer", service, server },
        { kind: "removeServer", service: elsewhere, server },
        { kind: "removeService", service: elsewhere },
      ],
      after: ["192.0.2.10:80/6 rr"],
    },
    {
      what: "removals keep their place behind a row that had to be made",
      before: [],
      operations: [
        { kind: "editService", service },
        { kind: "addServer", service, server },
        { kind: "removeServer", service, server },
      ],
      after: ["192.0.2.10:80/6 rr"],
    },
  ];
  for (const { what, before, operations, after } of cases) {
    test(what, async () => {
      const { ipvs, table } = open();
      await table.apply(before);
      expect(await table.apply(operations)).toEqual(operations.map(() => null));
      expect(ipvs.lines().sort()).toEqual(after.toSorted());
    });
  }
});

describe("apply says what failed and why, and does the rest", () => {
  test("a scheduler the kernel does not have, with the module to load", async () => {
    const { ipvs, table } = open();
    const outcomes = await table.apply([
      { kind: "addService", service: { ...service, scheduler: "mh" } },
      { kind: "addService", service: elsewhere },
    ]);
    expect(outcomes[0]).toMatchObject({
      operation: "add virtual service 192.0.2.10:80",
      code: "ENOENT",
      message:
        'add virtual service 192.0.2.10:80: ENOENT (kernel has no scheduler "mh": load it with `modprobe ip_vs_mh`)',
    });
    expect(outcomes[1]).toBeNull();
    expect(ipvs.lines()).toEqual(["192.0.2.10:81/6 rr"]);
  });

  test("a scheduler or a persistence engine the kernel does not have: ENOENT does not tell which", async () => {
    const persistence = { timeoutS: 300, prefixLength: null, engine: "sip" } as const;
    const wanted = { ...service, protocol: "udp", persistence } as const;
    const { ipvs, table } = open();
    const [outcome] = await table.apply([{ kind: "addService", service: wanted }]);
    expect(outcome?.message).toBe(
      'add virtual service 192.0.2.10:80/udp: ENOENT (kernel has no scheduler "rr" or no persistence engine "sip": load both with `modprobe -a ip_vs_rr ip_vs_pe_sip`)',
    );
    expect(ipvs.lines()).toEqual([]);
  });

  test("thresholds the wrong way round, an address of the other family without a tunnel", async () => {
    const outcomes = await open().table.apply([
      { kind: "addService", service },
      { kind: "addServer", service, server: { ...server, upper: 1, lower: 2 } },
      { kind: "addServer", service, server: { ...server, address: "2001:db8::1" } },
    ]);
    expect(outcomes[0]).toBeNull();
    expect(outcomes[1]?.message).toContain("the lower threshold must not be above the upper one");
    expect(outcomes[2]?.message).toContain("only a tunnel leads to the other address family");
  });

  test("a server of a service that is not there", async () => {
    const [outcome] = await open().table.apply([{ kind: "addServer", service, server }]);
    expect(outcome?.message).toBe(
      "add real server 10.1.0.1:80 of 192.0.2.10:80: ESRCH (the virtual service is not in the table)",
    );
  });

  test("a kernel without IPVS: every operation names the module to load", async () => {
    const { ipvs, table } = open();
    ipvs.unload();
    const outcomes = await table.apply([
      { kind: "addService", service },
      { kind: "addServer", service, server },
    ]);
    for (const outcome of outcomes) expect(outcome?.message).toContain("`modprobe ip_vs`");
    expect(outcomes[0]?.operation).toBe("add virtual service 192.0.2.10:80");
    await expect(table.list()).rejects.toThrow("`modprobe ip_vs`");
  });
});

test("apply sends batches of bounded size and leaves room for timers between them", async () => {
  const { ipvs } = open();
  // A clock that ticks 1 ms at each look: work soon seems to have held the loop for long.
  let clock = 0;
  const table = createKernelTable({ table: ipvs, daemons: ipvs, now: () => clock++ });
  let turns = 0;
  let working = true;
  const count = () => {
    turns++;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  const operations = Array.from({ length: 1_000 }, (_, index): TableOperation => ({
    kind: "addService",
    service: { ...service, port: 1 + index },
  }));
  await table.apply(operations);
  working = false;
  expect(Math.max(...ipvs.batches)).toBe(CHANGES_PER_BATCH);
  expect(turns).toBeGreaterThan(1_000 / CHANGES_PER_BATCH / 4);
  expect(ipvs.lines().length).toBe(1_000);
});

test("apply gives others a turn after every edit of a service: the kernel may wait in each", async () => {
  const { ipvs, table } = open();
  const edits = [80, 81, 82].map((port): TableOperation => ({
    kind: "editService",
    service: { ...service, port },
  }));
  await table.apply([...edits, { kind: "addServer", service, server }]);
  // Each edit fails, for there is no such service, and is sent again as an addition.
  expect(ipvs.batches).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect(ipvs.lines().length).toBe(4);
});

test("list and get give every row with its servers: both families, all protocols, marks", async () => {
  const { table } = open();
  const { address: _, port: __, ...settings } = service;
  const rows = [
    service,
    { ...service, address: "2001:db8::10" },
    { ...service, protocol: "udp", port: 53 },
    { ...service, protocol: "sctp", port: 5_060 },
    { ...settings, ...mark },
    { ...settings, ...mark, family: 4 },
  ] as const;
  const v6 = { ...server, address: "2001:db8::1" };
  await table.apply(rows.flatMap((row): TableOperation[] => [
    { kind: "addService", service: row },
    { kind: "addServer", service: row, server: row === rows[1] || row === rows[4] ? v6 : server },
  ]));
  const listed = await table.list();
  expect(listed.map(formatServiceName)).toEqual(rows.map(formatServiceName));
  expect(listed.map(({ servers }) => servers[0]?.address)).toEqual([
    "10.1.0.1",
    "2001:db8::1",
    "10.1.0.1",
    "10.1.0.1",
    "2001:db8::1",
    "10.1.0.1",
  ]);
  for (const [index, row] of rows.entries()) expect(await table.get(row)).toEqual(listed[index]!);
  expect(await table.get(elsewhere)).toBeNull();
});

test("list tells traffic and rates of rows and servers", async () => {
  const statistics = {
    connections: 1,
    inPackets: 2,
    outPackets: 3,
    inBytes: 4,
    outBytes: 5,
    rates: {
      connectionsPerS: 6,
      inPacketsPerS: 7,
      outPacketsPerS: 8,
      inBytesPerS: 9,
      outBytesPerS: 10,
    },
  };
  const { table } = open({ statistics });
  await table.apply([{ kind: "addService", service }, { kind: "addServer", service, server }]);
  const [row] = await table.list();
  expect(row?.traffic).toEqual(statistics);
  expect(row?.servers[0]?.counters).toMatchObject(statistics);
});

test("list tells rows that are altered and servers with methods of others; an edit sets all right", async () => {
  const { ipvs, table } = open({ engines: ["xyz"] });
  const key = {
    kind: "endpoint",
    protocol: 6,
    address: Uint8Array.of(192, 0, 2, 10),
    port: 80,
  } as const;
  const settings = {
    scheduler: "rr",
    flags: 1,
    timeoutSeconds: 9,
    netmask: 0xff00_ff00,
    engine: "xyz",
  };
  ipvs.change([{ command: "newService", service: key, settings }, {
    command: "newDestination",
    service: key,
    destination: { address: Uint8Array.of(10, 1, 0, 1), port: 8_080 },
    settings: {
      forwarding: 4,
      weight: 1,
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnel: { type: 0, port: 0, flags: 0 },
    },
  }]);
  const [row] = await table.list();
  expect(row).toMatchObject({
    altered: true,
    persistence: { timeoutS: 9, prefixLength: null, engine: null },
    servers: [{ forwarding: "bypass", port: 8_080 }],
  });
  await table.apply([{ kind: "editService", service }]);
  expect(await table.get(service)).toMatchObject({ altered: false, persistence: null });
});

test("calls made at once run one after the other, and one that fails does not stop the next", async () => {
  const { ipvs, table } = open();
  const first = table.apply([{ kind: "addService", service }]);
  const second = table.list();
  const third = table.apply([{ kind: "removeService", service }]);
  const fourth = table.list();
  expect(await first).toEqual([null]);
  expect((await second).length).toBe(1);
  expect(await third).toEqual([null]);
  expect(await fourth).toEqual([]);
  ipvs.unload();
  const failing = table.list();
  const next = table.apply([]);
  await expect(failing).rejects.toThrow("modprobe");
  expect(await next).toEqual([]);
});

test("apply leads to the table that its operations describe, in whatever order they come", async () => {
  const port = fc.integer({ min: 1, max: 3 });
  const kind = fc.constantFrom(
    "addService" as const,
    "editService" as const,
    "removeService" as const,
    "addServer" as const,
    "editServer" as const,
  );
  const operation = fc.record({ kind, port, host: port, weight: fc.nat(9) });
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (drawn) => {
    const { table } = open();
    const model = new Map<number, Map<number, number>>();
    for (const one of drawn) {
      const named = { ...service, port: one.port };
      const [outcome] = await table.apply([
        one.kind.endsWith("Server")
          ? {
            kind: one.kind as "addServer" | "editServer",
            service: named,
            server: { ...server, port: one.host, weight: one.weight },
          }
          : { kind: one.kind as "addService", service: named },
      ]);
      const row = model.get(one.port);
      if (one.kind === "removeService") model.delete(one.port);
      else if (one.kind.endsWith("Service")) model.set(one.port, row ?? new Map());
      else row?.set(one.host, one.weight);
      expect(outcome?.code).toBe(
        one.kind.endsWith("Server") && row === undefined ? "ESRCH" : undefined,
      );
    }
    const seen = new Map((await table.list()).map((row) => [portOf(row), weights(row)]));
    expect(seen).toEqual(model);
  }));
});

function portOf(row: ObservedService): number {
  return row.protocol === "fwm" ? -1 : row.port;
}

function weights(row: ObservedService): Map<number, number> {
  return new Map(row.servers.map((one) => [one.port, one.weight]));
}
