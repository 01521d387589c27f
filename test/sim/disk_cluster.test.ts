/** Clusters that keep their state on simulated disks by the product's own code. */
import { describe, expect, test } from "bun:test";
import { serviceKey } from "../../src/core/service/service.ts";
import { VIP } from "../support/cluster_views.ts";
import { SERVICE, serving } from "./sim_run.ts";

const NODES = [{ disk: true, priority: 110 }, { disk: true }];
const KEY = serviceKey(SERVICE);

describe("a node that keeps its state on a disk", () => {
  test.each(["kill", "crash"] as const)("knows it after a %s, without its peers", async (how) => {
    const run = await serving({ nodes: NODES });
    const { cluster } = run;
    const node = cluster.node("n2");
    const { boot } = node;
    cluster.isolate("n2");
    cluster[how]("n2");
    await run.pass(1_000);
    if (how === "crash") cluster.boot("n2");
    cluster.start(["n2"]);
    expect(node.boot).toBeGreaterThan(boot);
    await run.pass(3_000);
    expect(node.store.current().services.has(KEY)).toBe(true);
    expect(node.agent?.state.peers.has(cluster.node("n1").id)).toBe(true);
    expect(node.agent?.state.epochs.get(VIP)).toBe(2);
    expect(node.disk?.names().filter((name) => name.includes("damaged"))).toEqual([]);
  });

  test("knows nothing with a new disk, until a peer has told it", async () => {
    const run = await serving({ nodes: NODES });
    const { cluster } = run;
    const node = cluster.node("n2");
    cluster.crash("n2");
    cluster.loseDisk("n2");
    cluster.boot("n2");
    cluster.start(["n2"]);
    expect(node.store.current().services.size).toBe(0);
    await run.pass(3_000);
    expect(node.store.current().services.has(KEY)).toBe(true);
  });

  test("refuses an edit while its disk is full, and goes on", async () => {
    const run = await serving({ nodes: NODES });
    const { store, disk } = run.cluster.node("n1");
    disk!.mood = "full";
    const edited = store.edit([{ kind: "removeService", key: KEY }]).catch(String);
    await run.pass(3_000);
    expect(await edited).toContain("no space left on device");
    expect(run.cluster.answering(VIP)).toEqual(["n1"]);
  });
});
