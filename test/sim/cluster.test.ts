/**
 * The basic faults, on whole simulated clusters. After every event two things are asked of the kernels:
 * no new connection can run in a circle, and never do two machines answer for a VIP longer than allowed.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FUNNEL_MS, LEASE_S, LINGER_MS } from "../../src/core/timing.ts";
import { type NodeOptions, SimCluster } from "./cluster.ts";
import { service, VIP } from "../support/cluster_views.ts";
import { World } from "./world.ts";

const SERVICE = service();
/** Longest time two machines may answer for one VIP once they hear each other, ms: two beats after a partition heals. */
const OVERLAP_MS_MAX = 250;

interface Run {
  readonly world: World;
  readonly cluster: SimCluster;
  /** Lets time pass and checks the invariants after every event. */
  readonly pass: (durationMs: number) => Promise<void>;
  /** Longest stretch in which nobody answered for the VIP since the last call. */
  readonly silence: () => number;
}

function begin(options: readonly NodeOptions[], seed = 1, overlapMsMax = OVERLAP_MS_MAX): Run {
  const world = new World(seed);
  const cluster = new SimCluster(world, options);
  let overlapFromMs: number | null = null;
  let silentFromMs: number | null = null;
  let silenceMs = 0;
  const check = () => {
    const loop = cluster.forwardingLoop(SERVICE);
    if (loop !== null) {
      throw new Error(
        `at ${world.nowMs} ms a connection can run ${loop}\n${cluster.log.join("\n")}`,
      );
    }
    const answering = cluster.answering(VIP);
    overlapFromMs = answering.length > 1 ? overlapFromMs ?? world.nowMs : null;
    if (overlapFromMs !== null && world.nowMs - overlapFromMs > overlapMsMax) {
      throw new Error(
        `at ${world.nowMs} ms ${answering} answer for the VIP\n${cluster.log.join("\n")}`,
      );
    }
    silentFromMs = answering.length === 0 ? silentFromMs ?? world.nowMs : null;
    if (silentFromMs !== null) silenceMs = Math.max(silenceMs, world.nowMs - silentFromMs);
  };
  return {
    world,
    cluster,
    pass: (durationMs) => world.run(durationMs, check),
    silence: () => {
      const result = silenceMs;
      silenceMs = 0;
      silentFromMs = null;
      return result;
    },
  };
}

/** Like OVERLAP_MS_MAX when agents die too: a kernel answers for a dead agent until the lease ends. */
const LEASE_OVERLAP_MS_MAX = LEASE_S * 1_000 + OVERLAP_MS_MAX;

async function serving(
  options: readonly NodeOptions[] = [{ priority: 110 }, {}],
  seed = 1,
  overlapMsMax = OVERLAP_MS_MAX,
): Promise<Run> {
  const run = begin(options, seed, overlapMsMax);
  run.cluster.start();
  await run.pass(1_000);
  await run.cluster.node("n1").store.edit([{ kind: "putService", service: SERVICE }]);
  await run.pass(4_000);
  run.silence();
  return run;
}

function weights(run: Run, name: string): Record<string, number> {
  const row = run.cluster.node(name).kernel.rows.get("tcp/10.0.0.100:80");
  return Object.fromEntries((row?.servers ?? []).map((server) => [server.address, server.weight]));
}

describe("a cluster of two", () => {
  test("has one holder and every server in its pool after both start together", async () => {
    const run = await serving();
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    expect(run.cluster.answering(VIP)).toEqual(["n1"]);
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    // The standby's table is as complete, and bypassed.
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(run.cluster.node("n1").kernel.balances()).toBe(true);
    expect(run.cluster.node("n2").kernel.balances()).toBe(false);
    expect(run.cluster.node("n1").kernel.daemons.master).not.toBeNull();
    expect(run.cluster.node("n2").kernel.daemons.backup).not.toBeNull();
  });

  test("moves the VIP within the dead time and a few ticks when the holder loses power", async () => {
    const run = await serving();
    run.cluster.crash("n1");
    await run.pass(2_000);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    expect(run.silence()).toBeLessThan(500);
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1 });
  });

  test("waits for the lease, and not longer, when the holder's agent is killed", async () => {
    const run = await serving();
    run.cluster.kill("n1");
    await run.pass(LEASE_S * 1_000 - 600);
    expect(run.cluster.answering(VIP)).toEqual(["n1"]);
    expect(run.cluster.holders(VIP)).toEqual([]);
    await run.pass(1_600);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    expect(run.silence()).toBeLessThan(200);
  });

  test("keeps the VIP where it is when the holder's agent is killed and starts again in time", async () => {
    const run = await serving();
    const before = run.cluster.node("n1").agent?.state.epochs.get(VIP);
    run.cluster.kill("n1");
    await run.pass(300);
    run.cluster.start(["n1"]);
    await run.pass(5_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    expect(run.cluster.node("n1").agent?.state.epochs.get(VIP)).toBe(before);
    expect(run.silence()).toBe(0);
  });

  test("hands the VIP over without a moment in which nobody answers when the holder leaves", async () => {
    const run = await serving();
    run.cluster.node("n1").agent?.receive({ kind: "leave" });
    await run.pass(FUNNEL_MS - 500);
    expect(run.cluster.answering(VIP)).toEqual(["n1"]);
    // New connections go to the successor only, so that those to others end before it takes over.
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1 });
    await run.pass(1_000);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    // Whoever still sends to the old holder is served by it.
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
    await run.pass(LINGER_MS + 1_000);
    expect(run.cluster.node("n1").agent?.state.phase).toBe("stopped");
    expect(run.silence()).toBe(0);
  });

  test("moves the VIP where an operator wants it, once, without a silent moment", async () => {
    const run = await serving();
    const { agent, store } = run.cluster.node("n2");
    const fromEpoch = agent?.state.epochs.get(VIP) ?? 0;
    await store.edit([{
      kind: "putMove",
      move: { vip: VIP, to: run.cluster.node("n2").id, fromEpoch },
    }]);
    await run.pass(FUNNEL_MS + LINGER_MS + 2_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(run.silence()).toBe(0);
    run.cluster.crash("n2");
    await run.pass(2_000);
    run.cluster.boot("n2");
    run.cluster.start(["n2"]);
    await run.pass(3_000);
    // The order is spent: the VIP does not follow the node it once named.
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
  });

  test("holds on both sides of a partition and on one after it, announced anew", async () => {
    const run = await serving();
    run.cluster.isolate("n1");
    await run.pass(3_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1", "n2"]);
    const healedMs = run.world.nowMs;
    run.cluster.heal("n1");
    await run.pass(3_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    expect(run.cluster.node("n2").announcements.filter((item) => item.atMs > healedMs).length)
      .toBeGreaterThan(2);
  });

  test("a paused holder loses the VIP and does not take it back when it wakes", async () => {
    const run = await serving();
    run.cluster.node("n1").paused = true;
    await run.pass(5_000);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    run.cluster.node("n1").paused = false;
    await run.pass(5_000);
    expect(run.cluster.answering(VIP)).toEqual(["n2"]);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("a dead node stays dead for a holder that was paused itself", async () => {
    const run = await serving();
    run.cluster.crash("n1");
    await run.pass(2_000);
    run.cluster.node("n2").paused = true;
    await run.pass(600);
    run.cluster.node("n2").paused = false;
    await run.pass(100);
    // Its pause made it doubt every silence, but this one had already been judged.
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1 });
  });

  test("a web server that stops leaves the pool at once and comes back by its check", async () => {
    const run = await serving();
    run.cluster.node("n2").serving = false;
    await run.pass(100);
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
    run.cluster.node("n2").serving = true;
    await run.pass(2_500);
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
  });

  test("what somebody else deletes comes back, announced anew", async () => {
    const run = await serving();
    const { kernel, announcements } = run.cluster.node("n1");
    kernel.addressPort.remove({ address: VIP, prefixLength: 32, interface: "eth0" });
    kernel.rows.clear();
    const before = announcements.length;
    await run.pass(1_500);
    expect(run.cluster.answering(VIP)).toEqual(["n1"]);
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(announcements.length).toBeGreaterThan(before);
  });

  test("a VIP whose service was removed while the agent was away is taken off every interface", async () => {
    const run = await serving();
    run.cluster.kill("n2");
    await run.cluster.node("n1").store.edit([{ kind: "removeService", key: "tcp/10.0.0.100:80" }]);
    await run.pass(1_000);
    expect(run.cluster.node("n2").kernel.accepts(VIP)).toBe(true);
    run.cluster.start(["n2"]);
    await run.pass(3_000);
    expect(run.cluster.node("n2").kernel.accepts(VIP)).toBe(false);
    expect(run.cluster.node("n2").kernel.rows.size).toBe(0);
  });

  test("a holder without a carrier lets go and its successor does not wait for the dead time twice", async () => {
    const run = await serving();
    run.cluster.node("n1").kernel.carrier = false;
    run.cluster.isolate("n1");
    await run.pass(2_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("a node alone holds the VIP, and one that joins late becomes its standby", async () => {
    const run = begin([{}, {}]);
    run.cluster.start(["n1"]);
    await run.pass(1_000);
    await run.cluster.node("n1").store.edit([{ kind: "putService", service: SERVICE }]);
    await run.pass(2_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    run.cluster.start(["n2"]);
    await run.pass(4_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    expect(weights(run, "n1")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(run.cluster.node("n2").kernel.daemons.backup).not.toBeNull();
  });

  test("no takeover happens when one pulse in ten is lost", async () => {
    const run = await serving([{}, {}], 7);
    const [holder] = run.cluster.holders(VIP);
    run.cluster.loss = 0.1;
    await run.pass(60_000);
    expect(run.cluster.holders(VIP)).toEqual([holder as string]);
  });
});

describe("any small cluster", () => {
  const fault = fc.record({
    kind: fc.constantFrom("kill", "crash", "isolate", "pause", "web", "leave"),
    node: fc.integer({ min: 1, max: 3 }),
    lastsMs: fc.integer({ min: 50, max: 6_000 }),
  });

  test(
    "has one holder again soon after the last fault, and never a loop or two answers",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fault, { minLength: 1, maxLength: 5 }),
          fc.integer({ min: 1, max: 1e6 }),
          async (faults, seed) => {
            const run = await serving([{}, {}, {}], seed, LEASE_OVERLAP_MS_MAX);
            for (const { kind, node, lastsMs } of faults) {
              await strike(run, {
                kind,
                name: `n${node}`,
                lastsMs,
              });
            }
            await run.pass(9_000);
            const holders = run.cluster.holders(VIP);
            if (holders.length !== 1) {
              throw new Error(
                `${holders} hold the VIP\n${run.cluster.log.join("\n")}`,
              );
            }
            expect(run.cluster.answering(VIP)).toEqual(holders);
          },
        ),
        { numRuns: Number(process.env.SIM_RUNS ?? 60) },
      );
    },
    120_000,
  );
});

/** Lets a fault happen, last, and end. */
async function strike(
  run: Run,
  fault: { kind: string; name: string; lastsMs: number },
): Promise<void> {
  const { cluster } = run;
  const node = cluster.node(fault.name);
  switch (fault.kind) {
    case "kill":
      cluster.kill(fault.name);
      await run.pass(fault.lastsMs);
      return cluster.start([fault.name]);
    case "crash":
      cluster.crash(fault.name);
      await run.pass(fault.lastsMs);
      cluster.boot(fault.name);
      return cluster.start([fault.name]);
    case "isolate":
      cluster.isolate(fault.name);
      await run.pass(fault.lastsMs);
      return cluster.heal(fault.name);
    case "pause":
      node.paused = true;
      await run.pass(fault.lastsMs);
      node.paused = false;
      return;
    case "web":
      node.serving = false;
      await run.pass(fault.lastsMs);
      node.serving = true;
      return;
    case "leave":
      node.agent?.receive({ kind: "leave" });
      await run.pass(Math.max(fault.lastsMs, 6_000));
      cluster.kill(fault.name);
      return cluster.start([fault.name]);
  }
}
