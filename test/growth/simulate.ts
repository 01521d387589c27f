/**
 * What a cluster sends and how quick it is, in the simulator: for sizes this machine cannot carry for real. The core
 * and the agents are the real ones; network and document are simulated, so there are no bytes of gossip and no
 * processor shares, and a message takes a millisecond.
 */
import { encodePulse } from "../../src/core/cluster/pulse.ts";
import { service } from "../support/cluster_views.ts";
import { SimCluster } from "../sim/cluster.ts";
import { World } from "../sim/world.ts";
import type { Growth } from "./growth.ts";
import { PULSE_AROUND_BYTES } from "./member.ts";

/** Beyond the addresses of the nodes. */
const VIP = "10.0.0.240";
/** Time for a cluster to form and for its service to settle, virtual ms. */
const SETTLE_MS = 6_000;
/** Longest time until a takeover, virtual ms. */
const TAKEOVER_LIMIT_MS = 6_000;

/** Simulates a cluster of `nodes`: at rest for so long, then with the holder's power cut. */
export async function simulate(nodes: number, restMs: number): Promise<Growth> {
  const world = new World(1);
  const cluster = new SimCluster(
    world,
    Array.from({ length: nodes }, (_, index) => ({ priority: index === 0 ? 200 : 100 })),
  );
  cluster.start();
  await world.run(SETTLE_MS);
  await cluster.nodes[0]!.store.edit([{ kind: "putService", service: service({ address: VIP }) }]);
  await world.run(SETTLE_MS);
  const before = counted(cluster);
  await world.run(restMs);
  const after = counted(cluster);
  const seconds = restMs / 1_000;
  const pulses = after.pulses.map((value, index) => (value - before.pulses[index]!) / seconds);
  const [holder = 0, ...others] = pulses;
  const mean = (holder + sum(others)) / nodes;
  const records = (after.records - before.records) / seconds * (nodes - 1) / nodes;
  return {
    nodes,
    kind: "simulated",
    holderPulsesOut: holder,
    otherPulsesOut: sum(others) / others.length,
    pulseBytes: mean * pulseBytes(),
    records,
    messages: mean + records,
    ...await takeover(cluster),
  };
}

/** Pulses sent by each node, and records told by all. */
function counted(cluster: SimCluster): { pulses: number[]; records: number } {
  const records = cluster.nodes.map(({ id }) => {
    const watcher = cluster.nodes.find((node) => node.id !== id);
    return watcher?.agent?.state.peers.get(id)?.record.sequence ?? 0;
  });
  return {
    pulses: cluster.nodes.map(({ agent }) => agent?.pulsesSent ?? 0),
    records: sum(records),
  };
}

/** Bytes on the wire of a pulse that claims nothing. */
function pulseBytes(): number {
  const id = "0".repeat(16);
  const pulse = encodePulse({
    ...{ from: id, to: id, boot: 0, sequence: 0, echo: 0, intervalMs: 0 },
    ...{ leaving: false, ask: false, starting: false, deaf: false, claims: new Map() },
    witness: "none",
  });
  return pulse.length + PULSE_AROUND_BYTES;
}

async function takeover(cluster: SimCluster): Promise<Pick<Growth, "detectMs" | "takeoverMs">> {
  const { world } = cluster;
  let detectMs = Number.NaN;
  let takeoverMs = Number.NaN;
  const silencedMs = world.nowMs;
  cluster.onChange = (node, text) => {
    if (node.name === "n1") return;
    if (text === "node n1 is dead" && Number.isNaN(detectMs)) detectMs = world.nowMs - silencedMs;
    if (text.startsWith(`${VIP}: this node holds it`)) takeoverMs = world.nowMs - silencedMs;
  };
  cluster.crash("n1");
  await world.run(TAKEOVER_LIMIT_MS);
  return { detectMs, takeoverMs };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
