/**
 * Nodes that lost their document, on simulated clusters: what they have in their kernels stays as it is until a peer has
 * told them what operators want, or nobody has for long enough.
 */
import { expect, test } from "bun:test";
import { serviceKey } from "../../src/core/service/service.ts";
import { DOCUMENT_WAIT_MS } from "../../src/core/timing.ts";
import { VIP } from "../support/cluster_views.ts";
import { type Run, SERVICE, serving } from "./sim_run.ts";
import { SimStore } from "./sim_store.ts";

const KEY = serviceKey(SERVICE);
/** Time for a node to start, meet its peers and have their document, ms. */
const MEET_MS = 3_000;

/** The agent is killed, its document lost, and it starts again. `told`: whether its files tell of the loss. */
function loseDocument({ cluster }: Run, name: string, told = true): void {
  const node = cluster.node(name);
  cluster.kill(name);
  const store = new SimStore(node.id);
  if (told) store.lost = "document.bin could not be read";
  cluster.replaceStore(node, store);
  cluster.start([name]);
}

function phaseOf({ cluster }: Run, name: string): string | undefined {
  return cluster.node(name).agent?.state.phase;
}

for (const name of ["n1", "n2"]) {
  test(`${name} touches nothing until a peer has sent the document, and serves again then`, async () => {
    const run = await serving();
    const { rows } = run.cluster.node(name).kernel;
    run.cluster.isolate(name);
    loseDocument(run, name);
    await run.pass(DOCUMENT_WAIT_MS / 2);
    expect(phaseOf(run, name)).toBe("starting");
    expect(rows.get(KEY)?.servers).toHaveLength(2);
    expect(run.cluster.holders(VIP)).toEqual([name === "n1" ? "n2" : "n1"]);
    run.cluster.heal(name);
    await run.pass(MEET_MS);
    expect(phaseOf(run, name)).toBe("running");
    expect(rows.get(KEY)?.servers).toHaveLength(2);
    expect(run.cluster.answering(VIP)).toHaveLength(1);
  });
}

test("the holder of a VIP whose document was lost costs its clients one takeover", async () => {
  const run = await serving();
  loseDocument(run, "n1");
  await run.pass(MEET_MS * 2);
  expect(run.cluster.answering(VIP)).toHaveLength(1);
  expect(run.silence()).toBeLessThan(3_500);
});

test("files that are gone without a trace are missed by what the node did by them", async () => {
  const run = await serving();
  run.cluster.isolate("n2");
  loseDocument(run, "n2", false);
  await run.pass(MEET_MS);
  expect(run.cluster.node("n2").agent?.state.doubt?.reason).toContain(VIP);
  expect(run.cluster.node("n2").kernel.rows.has(KEY)).toBe(true);
});

test("when all have lost it, all go on with nothing after the time they wait", async () => {
  const run = await serving();
  for (const name of ["n1", "n2"]) loseDocument(run, name);
  await run.pass(DOCUMENT_WAIT_MS - 2_000);
  for (const name of ["n1", "n2"]) {
    expect(phaseOf(run, name)).toBe("starting");
    expect(run.cluster.node(name).kernel.rows.has(KEY)).toBe(true);
  }
  await run.pass(6_000);
  for (const name of ["n1", "n2"]) {
    expect(phaseOf(run, name)).toBe("running");
    expect(run.cluster.node(name).kernel.rows.has(KEY)).toBe(false);
  }
});

test("a node that knows nobody waits for nobody", async () => {
  const run = await serving({ nodes: [{}] });
  loseDocument(run, "n1");
  await run.pass(MEET_MS);
  expect(phaseOf(run, "n1")).toBe("running");
});
