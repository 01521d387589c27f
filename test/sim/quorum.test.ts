/**
 * `quorum majority` on whole simulated clusters: no two parts of a cluster hold a VIP at the same time. Asked of the
 * kernels every few ms, also of machines that nobody reaches: a client may be on their side.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { VIP } from "../support/cluster_views.ts";
import { LEASE_MS, MAJORITY_MS, NO_MAJORITY_MS } from "./bounds.ts";
import type { NodeOptions } from "./cluster.ts";
import {
  broken,
  type Fault,
  faults,
  type Run,
  RUNS,
  serving,
  statusOn,
  strike,
} from "./sim_run.ts";

// A busy machine, and not the simulated time, is what takes long.
setDefaultTimeout(120_000);

const MAJORITY = { kind: "putSetting", name: "quorum", value: "majority" } as const;
const THREE: readonly NodeOptions[] = [{ priority: 110, witness: "off" }, { witness: "off" }, {
  witness: "off",
}];

interface Watched extends Run {
  /** Lets time pass; at no look is the VIP on two machines. */
  readonly strictly: (durationMs: number) => Promise<void>;
}

async function cluster(nodes = THREE, seed = 1): Promise<Watched> {
  const run = await serving({ nodes, seed, edits: [MAJORITY] });
  await run.pass(6_000);
  const strictly = async (durationMs: number) => {
    for (let passed = 0; passed < durationMs; passed += 5) {
      await run.pass(Math.min(5, durationMs - passed));
      const with_ = run.cluster.nodes.filter(({ powered, kernel }) =>
        powered && kernel.answers(VIP)
      );
      if (with_.length > 1) throw broken(run, `${with_.map(({ name }) => name)} have the VIP`);
    }
  };
  return { ...run, strictly };
}

function has(run: Run, name: string): boolean {
  return run.cluster.node(name).kernel.answers(VIP);
}

describe("a cluster of three with quorum majority", () => {
  test("a holder that is cut off lets go within the bound, and the majority holds it after that", async () => {
    const run = await cluster();
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    run.cluster.isolate("n1");
    await run.strictly(NO_MAJORITY_MS);
    expect(has(run, "n1")).toBe(false);
    await run.strictly(MAJORITY_MS - NO_MAJORITY_MS);
    const [holder] = run.cluster.holders(VIP);
    expect(["n2", "n3"]).toContain(holder as string);
    run.cluster.heal("n1");
    await run.strictly(5_000);
    expect(run.cluster.holders(VIP)).toEqual([holder as string]);
    expect(run.cluster.node("n1").agent?.state.reasons.get(VIP)).toContain("holds it");
  });

  test("a hung holder that is cut off has lost it before the majority claims it", async () => {
    const run = await cluster();
    run.cluster.isolate("n1");
    await run.strictly(200);
    run.cluster.node("n1").paused = true;
    await run.strictly(LEASE_MS + NO_MAJORITY_MS - 200);
    expect(has(run, "n1")).toBe(false);
    await run.strictly(MAJORITY_MS);
    expect(run.cluster.holders(VIP).filter((name) => name !== "n1")).toHaveLength(1);
    run.cluster.node("n1").paused = false;
    await run.strictly(3_000);
    expect(has(run, "n1")).toBe(false);
  });

  test("of five: a holder that is cut off with another node is replaced as fast", async () => {
    const run = await cluster([...THREE, { witness: "off" }, { witness: "off" }]);
    const [first] = run.cluster.holders(VIP);
    const cut = [first as string, first === "n5" ? "n4" : "n5"];
    const { lan, nodes } = run.cluster;
    for (const a of nodes.filter(({ name }) => cut.includes(name))) {
      for (const b of nodes.filter(({ name }) => !cut.includes(name))) {
        lan.cut(a, b, "eth0");
        lan.cut(b, a, "eth0");
      }
    }
    await run.strictly(MAJORITY_MS);
    expect(run.cluster.holders(VIP).filter((name) => !cut.includes(name))).toHaveLength(1);
  });

  test("three parts hold nothing, and say why", async () => {
    const run = await cluster();
    for (const name of ["n1", "n2", "n3"]) run.cluster.isolate(name);
    await run.strictly(10_000);
    expect(run.cluster.nodes.map(({ name }) => has(run, name))).toEqual([false, false, false]);
    const status = statusOn(run, "n2");
    expect(status?.quorum).toEqual({ members: 3, heard: 1, majority: false });
    expect(status?.vips[0]?.reason).toContain("hears 1 of the cluster's 3 nodes");
    for (const name of ["n1", "n2", "n3"]) run.cluster.heal(name);
    await run.strictly(MAJORITY_MS);
    expect(run.cluster.answering(VIP)).toHaveLength(1);
  });

  test("counts a node that was stopped, also after a restart", async () => {
    const run = await cluster();
    run.cluster.node("n3").agent?.receive({ kind: "leave" });
    await run.strictly(6_000);
    run.cluster.kill("n3");
    await run.strictly(1_000);
    run.cluster.kill("n1");
    run.cluster.kill("n2");
    await run.strictly(5_000);
    run.cluster.start(["n1"]);
    await run.strictly(10_000);
    expect(run.cluster.node("n1").agent?.state.quorum).toMatchObject({ members: 3, heard: 1 });
    expect(has(run, "n1")).toBe(false);
    run.cluster.start(["n2"]);
    await run.strictly(MAJORITY_MS);
    expect(run.cluster.answering(VIP)).toHaveLength(1);
  });

  test("does not count a node that left for good", async () => {
    const run = await cluster();
    const { id, store } = run.cluster.node("n3");
    run.cluster.crash("n3");
    await run.cluster.node("n1").store.edit([
      { kind: "putNode", id, entry: { name: "n3", left: true } },
    ]);
    await run.strictly(1_000);
    expect(run.cluster.node("n1").agent?.state.quorum).toMatchObject({ members: 2, heard: 2 });
    expect(store).toBeDefined();
  });

  test("a cable that passes nothing one way: who is not heard loses its majority, too", async () => {
    const run = await cluster();
    const { lan, nodes: [n1, ...others] } = run.cluster;
    for (const other of others) lan.cut(n1!, other, "eth0");
    await run.strictly(MAJORITY_MS);
    expect(has(run, "n1")).toBe(false);
    expect(run.cluster.answering(VIP)).toHaveLength(1);
  });

  test("without the setting both sides hold: the promise of this file does not come by itself", async () => {
    const run = await serving({ nodes: THREE });
    run.cluster.isolate("n1");
    await run.pass(4_000);
    expect(run.cluster.nodes.filter(({ kernel }) => kernel.answers(VIP))).toHaveLength(2);
  });
});

/** Faults but for planned moves, whose two holders overlap for a beat by design. */
const unplanned: fc.Arbitrary<Fault[]> = faults.map((list) =>
  list.map((fault) =>
    fault.kind === "leave" || fault.kind === "web" ? { ...fault, kind: "isolate" } : fault
  )
);

test(
  "never two holders, whatever fails in a cluster of three, and one again soon after",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        unplanned,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 1e6 }),
        async (list, cut, seed) => {
          const run = await cluster(THREE, seed);
          const strict = { ...run, pass: run.strictly };
          // Half of the faults happen while another node is cut off.
          run.cluster.isolate(`n${cut}`);
          for (const fault of list) await strike(strict, fault);
          run.cluster.heal(`n${cut}`);
          for (const { name } of run.cluster.nodes) run.cluster.heal(name);
          await run.strictly(12_000);
          const holders = run.cluster.holders(VIP);
          if (holders.length !== 1) throw broken(run, `${holders} hold the VIP`);
          expect(run.cluster.answering(VIP)).toEqual(holders);
        },
      ),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  },
  120_000,
);
