import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatEndpoint } from "../../src/core/address.ts";
import { planRow } from "../../src/core/plan.ts";
import type {
  ObservedServer,
  ObservedService,
  TableOperation,
  TableServer,
  TableService,
} from "../../src/core/table.ts";
import { NO_COUNTERS, observedRow, ROW } from "../support/table_rows.ts";

/** Server 1 is 10.0.0.1:80. */
function server(index: number, weight: number): TableServer {
  return { address: `10.0.0.${index}`, port: 80, weight, forwarding: "dr" };
}

/** What the kernel has after the operation, by the rules of IPVS. Throws for what the kernel would refuse. */
function applied(row: ObservedService | null, operation: TableOperation): ObservedService | null {
  switch (operation.kind) {
    case "addService":
      if (row !== null) throw new Error("service exists");
      return { ...operation.service, altered: false, servers: [] };
    case "editService":
      if (row === null) throw new Error("no such service");
      return { ...operation.service, altered: false, servers: row.servers };
    case "removeService":
      return null;
  }
  if (row === null) throw new Error("no such service");
  const same = (other: ObservedServer) =>
    formatEndpoint(other) === formatEndpoint(operation.server);
  const exists = row.servers.some(same);
  if (exists !== (operation.kind !== "addServer")) throw new Error(`${operation.kind}: ${exists}`);
  const others = row.servers.filter((other) => !same(other));
  if (operation.kind === "removeServer") return { ...row, servers: others };
  return { ...row, servers: [...others, { ...operation.server, counters: NO_COUNTERS }] };
}

/** The parts that count, in an order of their own. */
function content(row: ObservedService | TableService) {
  return {
    scheduler: row.scheduler,
    servers: row.servers
      .map(({ address, port, weight, forwarding }) => ({ address, port, weight, forwarding }))
      .toSorted((a, b) => formatEndpoint(a) < formatEndpoint(b) ? -1 : 1),
  };
}

const weighted = (row: ObservedService | TableService | null) =>
  row?.servers.some(({ weight }) => weight > 0) ?? false;

const indexes = fc.uniqueArray(fc.integer({ min: 1, max: 6 }));
const weight = fc.constantFrom(0, 0, 1, 1, 5);
const desired: fc.Arbitrary<TableService> = fc.record({
  scheduler: fc.constantFrom("wlc" as const, "rr" as const),
  servers: indexes.chain((list) =>
    fc.tuple(...list.map((index) => weight.map((value) => server(index, value))))
  ),
}).map((fields) => ({ ...ROW, ...fields }));
const observed: fc.Arbitrary<ObservedService | null> = fc.option(
  fc.record({
    scheduler: fc.constantFrom("wlc", "rr", "sed"),
    altered: fc.boolean(),
    servers: indexes.chain((list) =>
      fc.tuple(
        ...list.map((index) =>
          fc.record({ weight, forwarding: fc.constantFrom("dr" as const, "other" as const) })
            .map((fields) => ({ ...server(index, 0), ...fields, counters: NO_COUNTERS }))
        ),
      )
    ),
  }).map((fields) => ({ ...ROW, ...fields })),
  { freq: 6 },
);

describe("planRow, applied one by one", () => {
  test("gives exactly the desired row", () => {
    fc.assert(fc.property(desired, observed, (wanted, present) => {
      const result = planRow(wanted, present).reduce(applied, present);
      expect(result?.altered).toBe(false);
      expect(content(result as ObservedService)).toEqual(content(wanted));
      expect(planRow(wanted, result)).toEqual([]);
    }));
  });

  test("never leaves a row without a weighted server that had one and shall have one", () => {
    fc.assert(fc.property(desired, observed, (wanted, present) => {
      fc.pre(weighted(wanted) && weighted(present));
      let row = present;
      for (const operation of planRow(wanted, present)) {
        row = applied(row, operation);
        expect(weighted(row)).toBe(true);
      }
    }));
  });

  test("touches every server at most once, and no server that is as wanted", () => {
    fc.assert(fc.property(desired, observed, (wanted, present) => {
      const touched = planRow(wanted, present).flatMap((operation) =>
        "server" in operation ? [formatEndpoint(operation.server)] : []
      );
      expect(new Set(touched).size).toBe(touched.length);
      for (const item of wanted.servers) {
        const before = present?.servers.find((other) => other.address === item.address);
        if (before?.weight === item.weight && before.forwarding === item.forwarding) {
          expect(touched).not.toContain(formatEndpoint(item));
        }
      }
    }));
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
    servers: servers.map(([index, weight]) => server(index, weight)),
  });

  test("adds and raises, then lowers, then removes", () => {
    const present = observedRow(row([1, 1], [2, 1], [3, 0], [4, 1]));
    const wanted = row([1, 0], [2, 1], [3, 1], [5, 1]);
    expect(words(planRow(wanted, present))).toEqual([
      "editServer 3 1",
      "addServer 5 1",
      "editServer 1 0",
      "removeServer 4",
    ]);
  });

  test("makes a row that is not there, service first", () => {
    expect(words(planRow(row([1, 1], [2, 0]), null))).toEqual([
      "addService",
      "addServer 1 1",
      "addServer 2 0",
    ]);
  });

  test("is empty when nothing is to be done", () => {
    expect(planRow(row([1, 1], [2, 0]), observedRow(row([2, 0], [1, 1])))).toEqual([]);
  });

  test("changes the scheduler in place", () => {
    const present = { ...observedRow(row([1, 1])), scheduler: "rr" };
    expect(words(planRow(row([1, 1]), present))).toEqual(["editService"]);
  });

  test("takes back what somebody else set on the row", () => {
    const present = { ...observedRow(row([1, 1])), altered: true };
    expect(words(planRow(row([1, 1]), present))).toEqual(["editService"]);
  });

  test("gives a server its forwarding method back before others lose connections", () => {
    const present = observedRow(row([1, 1], [2, 1]));
    const nat = present.servers.map((item) => ({ ...item, forwarding: "other" as const }));
    expect(words(planRow(row([1, 0], [2, 1]), { ...present, servers: nat })))
      .toEqual(["editServer 2 1", "editServer 1 0"]);
  });

  test("tells servers apart by port", () => {
    const present = observedRow({ ...ROW, servers: [{ ...server(1, 1), port: 8_080 }] });
    expect(words(planRow(row([1, 1]), present))).toEqual(["addServer 1 1", "removeServer 1"]);
  });
});
