/**
 * What a node sends and hears in clusters of different sizes, counted in the simulator: nothing may grow with the
 * square of the cluster, and what the whole cluster tells everybody may not grow at all.
 */
import { describe, expect, test } from "bun:test";
import { service } from "../support/cluster_views.ts";
import { SimStore } from "./sim_store.ts";
import { SimCluster } from "./cluster.ts";
import { World } from "./world.ts";

const SIZES = [2, 10, 40] as const;
/** Long enough for two records of a node in the largest cluster, ms. */
const REST_MS = 8_000;
/** Records that one edit may cost a node: of the edit, of its first check, and a beat of the clock. */
const RECORDS_PER_EDIT_MAX = 4;

interface Counted {
  readonly nodes: number;
  /** Per node and second at rest; pulses of the node that sends most. */
  readonly pulses: number;
  readonly records: number;
  /** For one edit, per node. */
  readonly editRecords: number;
  readonly exchanges: number;
}

async function count(nodes: number): Promise<Counted> {
  const world = new World(1);
  const cluster = new SimCluster(world, Array.from({ length: nodes }, () => ({})));
  let exchanges = 0;
  for (const { store } of cluster.nodes) {
    if (!(store instanceof SimStore)) continue;
    const fetch = store.fetch;
    store.fetch = (peer) => {
      exchanges++;
      fetch(peer);
    };
  }
  const editor = cluster.nodes.at(-1)!;
  const sent = () => cluster.nodes.map(({ agent }) => agent?.pulsesSent ?? 0);
  // Every record has the next number of its node, and everybody hears it.
  const told = () =>
    cluster.nodes.reduce((sum, { agent, id }) => {
      const watcher = cluster.nodes.find((node) => node.id !== id);
      const heard = watcher?.agent?.state.peers.get(id)?.record.sequence ?? 0;
      return agent === null ? sum : sum + heard;
    }, 0);
  const add = (port: number) =>
    editor.store.edit([{ kind: "putService", service: service({ port }) }]);
  cluster.start();
  await world.run(3_000);
  await add(80);
  await world.run(4_000);
  const before = { sent: sent(), told: told() };
  await world.run(REST_MS);
  const after = { sent: sent(), told: told() };
  exchanges = 0;
  await add(81);
  await world.run(3_000);
  const seconds = REST_MS / 1_000;
  const records = (after.told - before.told) / seconds;
  return {
    nodes,
    pulses: Math.max(...after.sent.map((value, index) => value - before.sent[index]!)) / seconds,
    records,
    editRecords: (told() - after.told - 3 * records) / nodes,
    exchanges: exchanges / nodes,
  };
}

describe("a cluster that grows", () => {
  const counted = Promise.all(SIZES.map(count));

  test("costs each node pulses in proportion to the others", async () => {
    for (const { nodes, pulses } of await counted) {
      // The holder's: ten a second to each of the others.
      expect(pulses / (nodes - 1)).toBeWithin(8, 11);
    }
  });

  test("tells everybody ten records a second at most", async () => {
    const [two, ten, forty] = (await counted).map(({ records }) => records);
    expect(two).toBeWithin(1.5, 2.6);
    expect(ten).toBeWithin(8, 11);
    expect(forty).toBeWithin(8, 11);
  });

  test("costs each node a few records for an edit, and no exchange of the document", async () => {
    for (const { editRecords, exchanges } of await counted) {
      expect(editRecords).toBeLessThan(RECORDS_PER_EDIT_MAX);
      expect(exchanges).toBe(0);
    }
  });
});
