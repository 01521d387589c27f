/**
 * How servers leave pools and return, on whole simulated clusters: slow start, load, damping, removal.
 */
import { describe, expect, test } from "bun:test";
import { FLAP_DOWNS_MAX, FLAP_HOLD_MS_MIN } from "../../src/core/pool/flap.ts";
import { type Run, serving, statusOn, weights } from "./sim_run.ts";
import { service } from "../support/cluster_views.ts";

/** Passes time; all weights a server had, in order, each once. */
async function seen(run: Run, address: string, durationMs: number): Promise<number[]> {
  const list: number[] = [];
  for (let passed = 0; passed < durationMs; passed += 100) {
    await run.pass(100);
    const weight = weights(run, "n1")[address] ?? -1;
    if (list.at(-1) !== weight) list.push(weight);
  }
  return list;
}

describe("slow start", () => {
  const SLOW = service({ slowStartMs: 10_000 });

  test("is not at the start of a cluster", async () => {
    const run = await serving({ services: [SLOW] });
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 100, "10.0.0.2": 100 });
    expect(await seen(run, "10.0.0.2", 3_000)).toEqual([100]);
  });

  test("lets a server that comes back grow, a step a second", async () => {
    const run = await serving({ services: [SLOW] });
    await run.pass(15_000);
    const node = run.cluster.node("n2");
    node.serving = false;
    await run.pass(3_000);
    node.serving = true;
    const list = await seen(run, "10.0.0.2", 14_000);
    expect(list).toEqual([0, 9, 18, 27, 36, 45, 55, 64, 73, 82, 91, 100].slice(-list.length));
    expect(list.length).toBeGreaterThanOrEqual(11);
  });

  test("goes on after a takeover, and slows nobody who was up", async () => {
    const run = await serving({
      services: [SLOW],
      nodes: [{ priority: 110 }, {}, {}],
    });
    await run.pass(15_000);
    const node = run.cluster.node("n3");
    node.serving = false;
    await run.pass(3_000);
    node.serving = true;
    await run.pass(5_000);
    run.cluster.crash("n1");
    await run.pass(1_500);
    const [holder] = run.cluster.answering("10.0.0.100");
    const row = weights(run, holder ?? "");
    expect(row["10.0.0.2"]).toBe(100);
    expect(row["10.0.0.3"]).toBeGreaterThan(30);
    expect(row["10.0.0.3"]).toBeLessThan(100);
  });
});

test("a busy member gets less while it is busy", async () => {
  const run = await serving({ services: [service({ adaptWeights: true })] });
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 100, "10.0.0.2": 100 });
  run.cluster.node("n2").free = 10;
  await run.pass(3_000);
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 100, "10.0.0.2": 60 });
  run.cluster.node("n2").free = 90;
  run.cluster.node("n1").free = 0;
  await run.pass(8_000);
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 50, "10.0.0.2": 100 });
});

test("a server that goes down again and again is held down for a while", async () => {
  const run = await serving();
  const node = run.cluster.node("n2");
  for (let turn = 0; turn <= FLAP_DOWNS_MAX; turn++) {
    node.serving = false;
    await run.pass(2_500);
    node.serving = true;
    await run.pass(2_500);
  }
  const server = () =>
    statusOn(run, "n1")?.services[0]?.servers
      .find(({ node: name }) => name === "n2");
  expect(server()).toMatchObject({ up: false, weight: 0 });
  expect(server()?.reason).toContain("held down for");
  await run.pass(FLAP_HOLD_MS_MIN + 2_000);
  expect(server()).toMatchObject({ up: true, weight: 1 });
});

test("a server whose check fails leaves the table where the service says so, and comes back", async () => {
  const removing = service({ onFailure: "remove" });
  const run = await serving({ services: [removing] });
  const { kernel } = run.cluster.node("n1");
  for (let turn = 0; turn < 4; turn++) kernel.connect(removing);
  const node = run.cluster.node("n2");
  node.serving = false;
  await run.world.run(4_000);
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1 });
  // Its connections ended with it: that is what was asked for.
  expect(kernel.cut.length).toBe(2);
  kernel.cut.length = 0;
  node.serving = true;
  await run.pass(4_000);
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
});

test("a node that leaves is not removed before its connections have ended", async () => {
  const run = await serving({ services: [service({ onFailure: "remove" })] });
  const { kernel } = run.cluster.node("n1");
  for (let turn = 0; turn < 4; turn++) kernel.connect(service());
  run.cluster.node("n2").agent?.receive({ kind: "leave" });
  await run.pass(1_000);
  expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
});
