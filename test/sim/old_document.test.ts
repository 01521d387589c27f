/**
 * A machine that was switched off while operators went on, on simulated clusters: it comes back with the document it had.
 */
import { expect, test } from "bun:test";
import { serviceKey } from "../../src/core/service/service.ts";
import { service, VIP } from "../support/cluster_views.ts";
import { serving } from "./sim_run.ts";

const REMOVED = "10.0.0.101";
/** Between two looks at who has a VIP, ms. */
const LOOK_MS = 20;
/** Time a record, an edit or an exchange of documents takes while the node comes back, ms. */
const GOSSIP_MS = 1_000;
/** Time in which a node starts, meets its peers and has their document, ms. */
const MEET_MS = 6_000;

test("a VIP that was removed meanwhile is not taken by who comes back with an old document", async () => {
  const removed = service({ address: REMOVED });
  const run = await serving({ nodes: [{}, {}, {}], services: [service(), removed] });
  const { cluster } = run;
  cluster.crash("n3");
  await run.pass(MEET_MS);
  await cluster.node("n1").store.edit([{ kind: "removeService", key: serviceKey(removed) }]);
  await run.pass(MEET_MS);
  const holders = cluster.holders(VIP);
  // The real gossip has to connect first.
  cluster.lan.streamMs = () => GOSSIP_MS;
  cluster.boot("n3");
  cluster.start(["n3"]);
  expect(cluster.node("n3").store.current().services.has(serviceKey(removed))).toBe(true);
  for (let passed = 0; passed < MEET_MS; passed += LOOK_MS) {
    await run.pass(LOOK_MS);
    expect(cluster.holders(REMOVED)).toEqual([]);
  }
  expect(cluster.node("n3").store.current().services.has(serviceKey(removed))).toBe(false);
  expect(cluster.holders(VIP)).toEqual(holders);
});
