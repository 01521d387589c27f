/**
 * Nodes and servers in maintenance, on whole simulated clusters.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Drain, drainKey } from "../../src/core/document/drain.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { drain, idOf, machine, serverEntry, VIP } from "../support/cluster_views.ts";
import { faults, type Run, RUNS, SERVICE, serving, statusOn, strike, weights } from "./sim_run.ts";

const N2 = { node: idOf(2) };
const put = (item: Drain): Edit[] => [{ kind: "putDrain", drain: item }];

function holder(run: Run): string | null {
  return statusOn(run, "n1")?.vips[0]?.holder ?? null;
}

describe("a node in maintenance", () => {
  test("finishes what it has open, which every node can tell, and gets nothing new", async () => {
    const run = await serving();
    const { kernel, store } = run.cluster.node("n1");
    const clients = Array.from({ length: 8 }, () => kernel.connect(SERVICE));
    const mine = clients.filter((item) => item?.endpoint === "10.0.0.2:80");
    expect(mine.length).toBeGreaterThan(0);
    await store.edit(put(drain(N2)));
    await run.pass(5_000);
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
    for (let turn = 0; turn < 10; turn++) {
      expect(kernel.connect(SERVICE)?.endpoint).toBe("10.0.0.1:80");
    }
    for (const name of ["n1", "n2"]) {
      expect(statusOn(run, name)?.drains)
        .toMatchObject([{ target: "n2", activeConnections: mine.length, vips: [] }]);
    }
    for (const client of mine) if (client !== null) kernel.connections.delete(client);
    await run.pass(3_000);
    expect(statusOn(run, "n2")?.drains[0]?.activeConnections).toBe(0);
  });

  test("hands its VIP over without a moment of silence, and goes on to serve after undrain", async () => {
    const run = await serving();
    expect(holder(run)).toBe("n1");
    const { store } = run.cluster.node("n2");
    const whole = drain({ node: idOf(1) });
    await store.edit(put(whole));
    await run.pass(6_000);
    expect(holder(run)).toBe("n2");
    expect(run.silence()).toBe(0);
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1 });
    await store.edit(put({ ...whole, on: false }));
    await run.pass(4_000);
    expect(holder(run)).toBe("n2");
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
  });

  test("stays so when the holder dies and when agents start again", async () => {
    const run = await serving({
      nodes: [{ priority: 110 }, {}, {}],
    });
    await run.cluster.node("n1").store.edit(put(drain({ node: idOf(3) })));
    await run.pass(1_000);
    run.cluster.crash("n1");
    await run.pass(4_000);
    expect(weights(run, "n2")["10.0.0.3"]).toBe(0);
    run.cluster.kill("n2");
    await run.pass(1_000);
    run.cluster.start(["n2"]);
    await run.pass(5_000);
    // Nobody but n3 was left meanwhile: it took the VIP, and gives it back.
    expect(holderSeenBy(run, "n2")).toBe("n2");
    expect(weights(run, "n2")["10.0.0.3"]).toBe(0);
  });

  test("comes back by itself when its time is up", async () => {
    const run = await serving();
    const { agent, store } = run.cluster.node("n1");
    const untilMs = (agent?.state.wallMs ?? 0) + 3_000;
    await store.edit(put(drain(N2, { untilMs })));
    await run.pass(2_500);
    expect(weights(run, "n1")["10.0.0.2"]).toBe(0);
    await run.pass(1_000);
    expect(weights(run, "n1")["10.0.0.2"]).toBe(1);
  });
});

function holderSeenBy(run: Run, name: string): string | null {
  return statusOn(run, name)?.vips[0]?.holder ?? null;
}

test("a machine nobody checks is drained and comes back", async () => {
  const unchecked = { ...SERVICE, members: false, check: { ...SERVICE.check, kind: "none" } };
  const service = unchecked as typeof SERVICE;
  const edits = [21, 22].map((n): Edit => ({ kind: "putServer", server: serverEntry(machine(n)) }));
  const run = await serving({ services: [service], edits });
  const item = drain({ address: "10.0.0.21", port: null });
  const { store } = run.cluster.node("n2");
  await store.edit(put(item));
  await run.pass(500);
  expect(weights(run, "n1")).toEqual({ "10.0.0.21": 0, "10.0.0.22": 1 });
  await store.edit(put({ ...item, on: false }));
  await run.pass(500);
  expect(weights(run, "n1")).toEqual({ "10.0.0.21": 1, "10.0.0.22": 1 });
});

test(
  "whatever is drained while nodes fail, no packet runs in a circle, and drains are kept when all is well",
  async () => {
    const drains = fc.array(
      fc.record({ node: fc.integer({ min: 1, max: 3 }), on: fc.boolean(), keepVips: fc.boolean() }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(drains, faults, async (list, struck) => {
        const run = await serving({
          nodes: [{ priority: 110 }, {}, {}],
        });
        for (const [index, { node, on, keepVips }] of list.entries()) {
          const { store } = run.cluster.node("n1");
          await store.edit(put(drain({ node: idOf(node) }, { on, keepVips })));
          const fault = struck[index];
          if (fault !== undefined) await strike(run, fault);
          await run.pass(500);
        }
        await run.pass(12_000);
        const { drains: known } = run.cluster.node("n1").store.current();
        const isOn = (n: number) => known.get(drainKey(drain({ node: idOf(n) })))?.on === true;
        const name = holder(run);
        expect(name).not.toBeNull();
        const row = weights(run, name ?? "");
        if (![1, 2, 3].every(isOn)) {
          for (const n of [1, 2, 3]) expect(row[`10.0.0.${n}`]).toBe(isOn(n) ? 0 : 1);
        }
        expect(run.cluster.answering(VIP)).toEqual([name ?? ""]);
      }),
      { numRuns: RUNS },
    );
  },
  240_000,
);
