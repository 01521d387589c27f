import { describe, expect, test } from "bun:test";
import { DRAIN_KEPT_MS } from "../../src/core/document/drain.ts";
import type { DrainOrder, ServerRef } from "../../src/core/document/order.ts";
import { drain, idOf, machine, serverEntry, service } from "../support/cluster_views.ts";
import { type Bench, bench, line } from "./operations_bench.ts";

const NAME = service();
const N2: ServerRef = { node: "n2" };
const ORDER: DrainOrder = {
  service: null,
  comment: "",
  forMs: null,
  untilMs: null,
  keepVips: false,
};

function drains(at: Bench) {
  return [...at.node.store.current().drains.values()];
}

function now(at: Bench): number {
  return at.node.agent?.state.wallMs ?? 0;
}

describe("drain", () => {
  test("is known to every node at once, with comment and end", async () => {
    const at = await bench(undefined, [NAME]);
    const begin = now(at);
    const order = { ...ORDER, comment: "disk", forMs: 60_000 };
    const until = new Date(begin + 60_000).toISOString();
    expect(await at.operations.drain(N2, order))
      .toBe(`n2 is drained until ${until}, stored on 2 of 2 nodes`);
    await at.world.run(500);
    const entry = { service: null, target: { node: idOf(2) }, on: true, comment: "disk" };
    for (const { store } of at.cluster.nodes) {
      expect([...store.current().drains.values()])
        .toEqual([{ ...entry, sinceMs: begin, untilMs: begin + 60_000, keepVips: false }]);
    }
    expect((await at.operations.status()).drains)
      .toMatchObject([{ target: "n2", service: null, comment: "disk", until }]);
  });

  test("keeps its beginning when it is ordered again", async () => {
    const at = await bench(undefined, [NAME]);
    const begin = now(at);
    await at.operations.drain(N2, ORDER);
    await at.world.run(1_000);
    await at.operations.drain(N2, { ...ORDER, comment: "longer" });
    expect(drains(at)).toMatchObject([{ comment: "longer", sinceMs: begin }]);
  });

  test("of one service takes the members' port for a machine without one", async () => {
    const item = service({ forwarding: "nat", serverPort: 8_080 });
    const at = await bench(undefined, [item], [
      { kind: "putServer", server: serverEntry(machine(21, 8_080)) },
    ]);
    await at.operations.drain({ address: "10.0.0.21", port: null }, { ...ORDER, service: item });
    expect(drains(at)).toMatchObject([{
      service: "tcp/10.0.0.100:80",
      target: machine(21, 8_080),
    }]);
  });

  test("says whom nobody serves then", async () => {
    const at = await bench(undefined, [NAME]);
    await at.operations.drain({ node: "n1" }, ORDER);
    await at.world.run(500);
    expect(await at.operations.drain(N2, ORDER))
      .toBe("n2 is drained, stored on 2 of 2 nodes; nobody else serves 10.0.0.100:80");
  });

  test("forgets what ended more than a day ago", async () => {
    const at = await bench(undefined, [NAME]);
    const before = now(at) - DRAIN_KEPT_MS - 1;
    const old = drain({ node: idOf(1) }, { on: false, sinceMs: Math.max(0, before) });
    const fresh = drain({ node: idOf(3) }, { on: false, sinceMs: now(at) });
    await at.node.store.edit([old, fresh].map((item) => ({ kind: "putDrain", drain: item })));
    await at.world.run(100);
    await at.operations.drain(N2, ORDER);
    const nodes = drains(at).map(({ target }) => "node" in target ? target.node : "").sort();
    expect(nodes).toEqual(before >= 0 ? [idOf(2), idOf(3)] : [idOf(1), idOf(2), idOf(3)]);
  });

  const refused: [string, ServerRef, Partial<DrainOrder>, string][] = [
    ["an unknown node", { node: "n9" }, {}, 'the cluster has no node "n9"'],
    [
      "an unknown machine",
      { address: "10.0.0.99", port: null },
      {},
      "no service has such a server",
    ],
    ["a member by its address", { address: "10.0.0.2", port: null }, {}, "no service has such a"],
    ["an unknown service", N2, { service: service({ port: 99 }) }, "there is no such service"],
    ["an end that has passed", N2, { untilMs: 1 }, "its end has passed"],
    ["an end in years", N2, { untilMs: 8e15 }, "more than a year away"],
  ];
  test.each(refused)("of %s is refused", async (_, server, order, problem) => {
    const at = await bench(undefined, [NAME]);
    expect(await line(at, () => at.operations.drain(server, { ...ORDER, ...order })))
      .toContain(problem);
  });
});

describe("undrain", () => {
  test("ends every drain of a node, of one service or of all", async () => {
    const at = await bench(undefined, [NAME, service({ port: 81 })]);
    await at.operations.drain(N2, { ...ORDER, service: NAME });
    await at.operations.drain(N2, ORDER);
    await at.world.run(200);
    expect(await at.operations.undrain(N2, null)).toBe("n2 is back, stored on 2 of 2 nodes");
    await at.world.run(200);
    expect(drains(at).map(({ on }) => on)).toEqual([false, false]);
    expect((await at.operations.status()).drains).toEqual([]);
  });

  test("of one service leaves the others drained", async () => {
    const other = service({ port: 81 });
    const at = await bench(undefined, [NAME, other]);
    await at.operations.drain(N2, { ...ORDER, service: NAME });
    await at.operations.drain(N2, { ...ORDER, service: other });
    await at.world.run(200);
    await at.operations.undrain(N2, NAME);
    await at.world.run(200);
    expect((await at.operations.status()).drains).toMatchObject([{ service: "10.0.0.100:81" }]);
  });

  test("is refused for what is not drained, and says when all services are meant", async () => {
    const at = await bench(undefined, [NAME]);
    expect(await line(at, () => at.operations.undrain(N2, null))).toContain("it is not drained");
    await at.operations.drain(N2, ORDER);
    await at.world.run(200);
    expect(await line(at, () => at.operations.undrain(N2, NAME)))
      .toContain("it is drained for every service; leave --service out");
  });
});
