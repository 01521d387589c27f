/**
 * Servers that are removed while clients are connected, on whole simulated clusters.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Edit } from "../../src/core/document/document.ts";
import { serverKey } from "../../src/core/service/server.ts";
import { TABLE_MS_MIN } from "../../src/core/timing.ts";
import { idOf, machine, serverEntry, service } from "../support/cluster_views.ts";
import type { SimConnection } from "./kernel.ts";
import { type Run, RUNS, SERVICE, serving, weights } from "./sim_run.ts";

const OUTSIDE = [21, 22].map((index) => serverEntry(machine(index)));
const EDITS = OUTSIDE.map((server): Edit => ({ kind: "putServer", server }));
const MACHINES = ["10.0.0.21", "10.0.0.22"];
const removal = (index: number): Edit => ({
  kind: "removeServer",
  key: serverKey(serverEntry(machine(index))),
});

/** Time within which the whole table is looked at twice, ms. */
const LOOKS_MS = 2 * TABLE_MS_MIN + 200;

async function connected(run: Run, count: number): Promise<SimConnection[]> {
  const { kernel } = run.cluster.node("n1");
  const made = Array.from({ length: count }, () => kernel.connect(SERVICE));
  await run.pass(LOOKS_MS);
  return made.filter((item) => item !== null);
}

describe("a machine without an agent", () => {
  test("is in the pool of every director once it answers, and leaves it when it does not", async () => {
    const run = await serving({ edits: EDITS, machines: ["10.0.0.21"] });
    const up = { "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.21": 1, "10.0.0.22": 0 };
    expect(weights(run, "n1")).toEqual(up);
    expect(weights(run, "n2")).toEqual(up);
    run.cluster.machines.set("10.0.0.21", false);
    run.cluster.machines.set("10.0.0.22", true);
    await run.pass(4_000);
    expect(weights(run, "n1")).toEqual({ ...up, "10.0.0.21": 0, "10.0.0.22": 1 });
  });

  test("that is removed gets no new connections at once, and goes when the last has ended", async () => {
    const run = await serving({ edits: EDITS, machines: MACHINES });
    const { kernel, store } = run.cluster.node("n1");
    const clients = await connected(run, 8);
    expect(kernel.connectionCounts(SERVICE)).toContain("10.0.0.21:80 2");
    await store.edit([removal(21)]);
    await run.pass(100);
    expect(weights(run, "n1")["10.0.0.21"]).toBe(0);
    for (let turn = 0; turn < 10; turn++) {
      expect(kernel.connect(SERVICE)?.endpoint).not.toBe("10.0.0.21:80");
    }
    await run.pass(20_000);
    expect(kernel.connectionCounts(SERVICE)).toContain("10.0.0.21:80 2");
    for (const client of clients) kernel.connections.delete(client);
    await run.pass(LOOKS_MS);
    expect(Object.keys(weights(run, "n1"))).not.toContain("10.0.0.21");
    expect(Object.keys(weights(run, "n1"))).toContain("10.0.0.22");
    // The standby has no connections: nothing kept the server there.
    expect(Object.keys(weights(run, "n2"))).not.toContain("10.0.0.21");
  });

  test("that got a connection after the last look keeps it when it is removed", async () => {
    const run = await serving({ edits: EDITS, machines: MACHINES });
    const { kernel, store } = run.cluster.node("n1");
    const client = Array.from({ length: 4 }, () => kernel.connect(SERVICE))
      .find((item) => item?.endpoint === "10.0.0.21:80");
    await store.edit([removal(21)]);
    await run.pass(20);
    // Another change right after it begins another pass, before the kernel has told what it counts.
    await store.edit([removal(22)]);
    await run.pass(10_000);
    expect(client && kernel.connections.has(client)).toBe(true);
  });

  test("that is entered again while it drains serves again", async () => {
    const run = await serving({ edits: EDITS, machines: MACHINES });
    const { store } = run.cluster.node("n1");
    await connected(run, 8);
    await store.edit([removal(21)]);
    await run.pass(3_000);
    await store.edit(EDITS);
    await run.pass(3_000);
    expect(weights(run, "n1")).toEqual(
      Object.fromEntries(["10.0.0.1", "10.0.0.2", ...MACHINES].map((address) => [address, 1])),
    );
  });

  test("that is dropped goes at once, connections or not", async () => {
    const run = await serving({ edits: EDITS, machines: MACHINES });
    const { kernel, store } = run.cluster.node("n1");
    await connected(run, 8);
    await store.edit([{ kind: "putServer", server: serverEntry(machine(21), { off: true }) }]);
    await run.world.run(200);
    expect(Object.keys(weights(run, "n1"))).not.toContain("10.0.0.21");
    expect(kernel.cut).toHaveLength(2);
  });
});

test("servers that are members drain with weight 0", async () => {
  const run = await serving();
  const drained = serverEntry({ node: idOf(1) }, { weight: 0 });
  await run.cluster.node("n2").store.edit([{ kind: "putServer", server: drained }]);
  await run.pass(500);
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1 });
});

test(
  "whatever is entered and removed, no connection is cut and no service is without a server",
  async () => {
    const entry = fc.record({
      index: fc.integer({ min: 21, max: 24 }),
      add: fc.boolean(),
      connects: fc.integer({ min: 0, max: 6 }),
      ends: fc.integer({ min: 0, max: 6 }),
      lastsMs: fc.integer({ min: 1, max: 3_000 }),
    });
    const outside = service({ members: false });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 3, maxLength: 12 }), async (list) => {
        const machines = [20, 21, 22, 23, 24].map((index) => machine(index).address);
        const stays: Edit = { kind: "putServer", server: serverEntry(machine(20)) };
        const run = await serving({ services: [outside], edits: [stays], machines });
        const { kernel, store } = run.cluster.node("n1");
        for (const { index, add, connects, ends, lastsMs } of list) {
          for (let turn = 0; turn < connects; turn++) {
            expect(kernel.connect(outside)).not.toBeNull();
          }
          for (const client of [...kernel.connections].slice(0, ends)) {
            kernel.connections.delete(client);
          }
          const server = serverEntry(machine(index));
          await store.edit([add ? { kind: "putServer", server } : removal(index)]);
          await run.pass(lastsMs);
          expect(kernel.choices(outside).length).toBeGreaterThan(0);
        }
        kernel.connections.clear();
        await run.pass(LOOKS_MS + 2_000);
        const known = [...store.current().servers.get("tcp/10.0.0.100:80")?.values() ?? []];
        expect(Object.keys(weights(run, "n1")).sort())
          .toEqual(known.map(({ target }) => "address" in target ? target.address : "").sort());
      }),
      { numRuns: RUNS },
    );
  },
  240_000,
);
