/** Nodes that all start again at once find each other, although what they remember of where the others are is old. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { startNode, stopNode, stopNodes, type TestNode, wanted } from "./gossip_cluster.ts";

// Real sockets take their time on a machine that does other things too.
setDefaultTimeout(60_000);
afterEach(stopNodes);

test("three nodes, of which one has moved, with dead members in every list and no seed alive", async () => {
  const dead = { address: "127.0.0.1", port: await freePort() };
  const before: TestNode[] = [];
  for (let index = 0; index < 3; index++) before.push(await startNode());
  const known = before.map(wanted);
  await Promise.all(before.map((node) => stopNode(node)));
  const gone = { id: "00000000000000dd", addresses: [dead.address], port: dead.port };
  const after = await Promise.all(
    before.map(({ folder, endpoint }, index) =>
      // The last one has another address now: nobody knows it, and it knows everybody.
      startNode({ folder, seeds: [dead], ...(index < 2 ? { port: endpoint.port } : {}) })
    ),
  );
  for (const node of after) node.gossip.wantPeers([...known, gone]);
  await eventually(
    "everybody is connected to everybody",
    () => after.every((node) => node.gossip.connected().length === 2),
  );
  for (const node of after) node.publish();
  await eventually(
    "everybody has heard of everybody",
    () =>
      after.every((node) =>
        after.every((other) =>
          other === node ||
          node.records.get(other.identity.id)?.boot === other.identity.boot
        )
      ),
  );
  expect(after.map(({ identity }) => identity.id)).toEqual(
    before.map(({ identity }) => identity.id),
  );
});
