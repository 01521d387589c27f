import { describe, expect, test } from "bun:test";
import type { Agent } from "../src/agent/agent.ts";
import { serviceKey } from "../src/core/service/service.ts";
import { loopDelay } from "../src/loop_delay.ts";
import { nodeCounters } from "../src/node_counters.ts";
import { SimCluster } from "./sim/cluster.ts";
import { World } from "./sim/world.ts";
import { service } from "./support/cluster_views.ts";

async function running(): Promise<Agent> {
  const world = new World();
  const cluster = new SimCluster(world, [{ priority: 110 }, {}]);
  cluster.start();
  await world.run(1_000);
  const { agent, store } = cluster.node("n1");
  await store.edit([{ kind: "putService", service: service() }]);
  await world.run(4_000);
  if (agent === null) throw new Error("n1 does not run");
  return agent;
}

const others = {
  gossip: { dropped: () => new Map([["crowd", 1]]) },
  store: { dropped: () => new Map([["entry", 7]]) },
};

describe("nodeCounters", () => {
  test("gathers what the agent, its sockets and the loop have counted", async () => {
    const agent = await running();
    const delay = loopDelay(50, 0);
    delay.beat(80);
    delay.beat(135);
    const dropped = new Map([["seal", 2]]);
    const counts = () => ({ sent: 40, received: 30, dropped });
    agent.troubles.note("add address 10.0.0.100 to eth0", new Error("EPERM"));
    const counters = nodeCounters({ agent, delay, pulses: { counts }, ...others });
    expect(counters).toMatchObject({
      takeovers: 1,
      releases: 0,
      loopDelayMs: 5,
      loopDelayMaxMs: 30,
      pulsesSent: 40,
      pulsesReceived: 30,
      pulsesDropped: dropped,
      gossipDropped: new Map([["crowd", 1]]),
      documentDropped: new Map([["entry", 7]]),
      tableChanges: agent.table.changes,
      kernelErrors: new Map([["add address", 1]]),
    });
    expect(counters.tableChanges).toBeGreaterThanOrEqual(3);
    expect([...counters.pulseGapMaxMs.keys()]).toEqual(["n2"]);
    expect(counters.pulseGapMaxMs.get("n2")).toBeGreaterThan(0);
  });

  test("has the last duration of every check, of this node and of the others", async () => {
    const agent = await running();
    const pulses = { counts: () => ({ sent: 0, received: 0, dropped: new Map() }) };
    const { checks, table } = nodeCounters({ agent, delay: loopDelay(50, 0), pulses, ...others });
    const key = "tcp/10.0.0.100:80";
    expect(checks).toEqual([
      { service: key, server: "n1", up: true, tookMs: 1 },
      { service: key, server: "n2", up: true, tookMs: 1 },
    ]);
    expect(table.map((row) => [serviceKey(row), row.servers.length])).toEqual([[key, 2]]);
  });
});
