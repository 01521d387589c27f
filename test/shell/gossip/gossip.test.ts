/** Gossip between real libp2p nodes on loopback. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:net";
import { type NodeRecord, RECORD_BYTES_MAX } from "../../../src/core/cluster/record.ts";
import { PING_INTERVAL_MS } from "../../../src/shell/gossip/libp2p_node.ts";
import { newToken, singleToken } from "../../../src/shell/files/token.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import {
  startNode,
  stopNode,
  stopNodes,
  TEST_TOKEN,
  type TestNode,
  wanted,
} from "./gossip_cluster.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { refused } from "../../support/refused.ts";
import { verdictsOfBytes } from "../../support/sample_record.ts";
import { startProxy } from "./tcp_proxy.ts";

// Twelve handshakes take their time on a machine that does other things too.
setDefaultTimeout(30_000);
afterEach(stopNodes);

/** Nodes that all want each other, until they are all connected. */
async function startMesh(count: number): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let index = 0; index < count; index++) nodes.push(await startNode());
  for (const node of nodes) node.gossip.wantPeers(nodes.map(wanted));
  await eventually(
    `${count} nodes connected`,
    () => nodes.every((node) => node.gossip.connected().length === count - 1),
  );
  return nodes;
}

/** Publishes on a node until the others have heard what it says. */
async function expectHeard(
  from: TestNode,
  others: readonly TestNode[],
  fields: Partial<NodeRecord> = {},
): Promise<void> {
  let record = from.publish(fields);
  const again = setInterval(() => record = from.publish(fields), 300);
  try {
    await eventually("the record at every node", () =>
      others.every((node) => {
        const heard = node.records.get(from.identity.id);
        return heard !== undefined && heard.boot === record.boot;
      }));
  } finally {
    clearInterval(again);
  }
}

describe("records", () => {
  test("of three nodes with one seed reach all of them as they were published", async () => {
    const first = await startNode();
    const others = [
      await startNode({ seeds: [first.endpoint] }),
      await startNode({ seeds: [first.endpoint] }),
    ];
    const nodes = [first, ...others];
    await eventually("both connected to the seed", () => first.gossip.connected().length === 2);
    for (const node of nodes) {
      const name = `at-${node.endpoint.port}`;
      const others = nodes.filter((other) => other !== node);
      // Those that are not connected to each other hear of each other by the third, once it knows that they want to.
      await expectHeard(node, others, { name });
      for (const other of others) expect(other.records.get(node.identity.id)?.name).toBe(name);
    }
  });

  test("of a lone node go to nobody, without a complaint", async () => {
    const node = await startNode();
    node.publish();
    await Bun.sleep(50);
    expect(node.notices.all).toEqual([]);
  });

  test("reach a node that comes after they were published", async () => {
    const first = await startNode();
    const record = first.publish();
    const second = await startNode({ seeds: [first.endpoint] });
    await eventually("the record", () => second.records.has(first.identity.id));
    expect(second.records.get(first.identity.id)).toEqual(record);
  });

  test("published right before close still arrive", async () => {
    const [a, b] = await startMesh(2) as [TestNode, TestNode];
    await expectHeard(a, [b]);
    a.publish({ phase: "left" });
    await stopNode(a);
    await eventually("last words", () => b.records.get(a.identity.id)?.phase === "left");
  });

  // Bun lacks the cipher Noise would take for frames of 1,200 bytes and more.
  test("of 60 kB and of the largest size pass", async () => {
    const [a, b] = await startMesh(2) as [TestNode, TestNode];
    for (const bytes of [1_500, 60_000, RECORD_BYTES_MAX - 50_000]) {
      const record = a.publish({ verdicts: verdictsOfBytes(bytes) });
      await eventually(
        "the record",
        () => b.records.get(a.identity.id)?.sequence === record.sequence,
      );
      expect(b.records.get(a.identity.id)).toEqual(record);
    }
    expect(a.events).toEqual([`connected ${b.identity.id}`]);
  });

  test("over the largest size are not published, and said", async () => {
    const node = await startNode();
    node.publish({ verdicts: verdictsOfBytes(RECORD_BYTES_MAX + 300_000) });
    expect(node.notices.messages("warn")).toEqual(["cannot publish the own record"]);
  });

  // Gossipsub's scores silence more than ten peers behind one address, and libp2p takes five connections a second.
  test("of twelve nodes behind one address reach all of them", async () => {
    const nodes = await startMesh(12);
    for (const node of nodes) node.publish();
    await eventually(
      "all records at all nodes",
      () => nodes.every((node) => node.records.size === 11),
    );
  });

  test("in another node's name are dropped and counted", async () => {
    const [a, b, c] = await startMesh(3) as [TestNode, TestNode, TestNode];
    await expectHeard(a, [b, c]);
    a.publish({ id: b.identity.id, peer: b.identity.peer });
    a.publish({ id: b.identity.id });
    a.publish({ peer: b.identity.peer });
    await eventually("three drops", () => c.gossip.dropped().get("forged") === 3);
    expect([...c.records.keys()]).toEqual([a.identity.id]);
    expect(c.notices.messages("warn")).toHaveLength(1);
    // The one who sent them is not shut out for it.
    await expectHeard(a, [b, c]);
  });

  test("with another cluster's name are dropped and counted", async () => {
    const [a, b] = await startMesh(2) as [TestNode, TestNode];
    await expectHeard(a, [b]);
    a.publish({ cluster: "other" });
    await eventually("a drop", () => b.gossip.dropped().get("cluster") === 1);
    expect(b.records.get(a.identity.id)?.cluster).toBe("test");
  });

  test("of a cluster with the same token and another name are not heard", async () => {
    const a = await startNode();
    const b = await startNode({ cluster: "other", seeds: [a.endpoint] });
    await eventually("a connection", () => a.gossip.connected().length === 1);
    a.publish();
    b.publish({ cluster: "other" });
    await Bun.sleep(300);
    expect([a.records.size, b.records.size]).toEqual([0, 0]);
  });
});

describe("connections", () => {
  test("another token never connects, and harms nobody", async () => {
    const a = await startNode();
    const stranger = await startNode({ tokens: singleToken(newToken()), seeds: [a.endpoint] });
    const friend = await startNode({ seeds: [a.endpoint] });
    await eventually("the friend", () => a.gossip.connected().length === 1);
    await Bun.sleep(500);
    expect(a.gossip.connected()).toEqual([friend.identity.id]);
    expect(stranger.gossip.connected()).toEqual([]);
    expect(a.events).toEqual([`connected ${friend.identity.id}`]);
  });

  test("a seed that comes up late is found", async () => {
    const port = await freePort();
    const early = await startNode({ seeds: [{ address: "127.0.0.1", port }] });
    await Bun.sleep(300);
    const late = await startNode({ port });
    await eventually("a connection", () => early.gossip.connected().length === 1);
    await expectHeard(late, [early]);
  });

  test("a peer is found on its second address when nothing answers on the first", async () => {
    const a = await startNode();
    const b = await startNode();
    const { id, port } = wanted(b);
    a.gossip.wantPeers([{ id, addresses: ["127.0.0.77", "127.0.0.1"], port }]);
    await eventually("a connection", () => a.gossip.connected().length === 1);
  });

  test("a peer killed with -9 is reported without waiting for a ping", async () => {
    const a = await startNode();
    const script = `${import.meta.dir}/gossip_process.ts`;
    const child = Bun.spawn([process.execPath, script], {
      stdin: new Blob([JSON.stringify({ token: TEST_TOKEN, seed: a.endpoint })]),
      stdout: "ignore",
      stderr: "inherit",
    });
    try {
      await eventually("a connection", () => a.gossip.connected().length === 1);
      const [id] = a.gossip.connected();
      child.kill("SIGKILL");
      const killedMs = performance.now();
      await eventually("the loss", () => a.events.includes(`disconnected ${id}`));
      expect(performance.now() - killedMs).toBeLessThan(PING_INTERVAL_MS);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  });

  test("a node that is its own seed finds nobody and stays calm", async () => {
    const port = await freePort();
    const node = await startNode({ port, seeds: [{ address: "127.0.0.1", port }] });
    await Bun.sleep(200);
    expect(node.gossip.connected()).toEqual([]);
    expect(node.notices.all).toEqual([]);
  });

  test("a closed peer is reported at once, and again connected when it is back", async () => {
    const [a, b] = await startMesh(2) as [TestNode, TestNode];
    await stopNode(b);
    await eventually("the loss", () => a.events.includes(`disconnected ${b.identity.id}`));
    expect(a.gossip.connected()).toEqual([]);
    const again = await startNode({ folder: b.folder, port: b.endpoint.port });
    expect(again.identity.id).toBe(b.identity.id);
    await eventually("the return", () => a.gossip.connected().length === 1);
    await expectHeard(a, [again]);
    await expectHeard(again, [a]);
    expect(a.events.map((event) => event.split(" ")[0])).toEqual(
      ["connected", "disconnected", "connected"],
    );
  });

  // Gossipsub keeps the stream it was just opening when the peer went, and would write into it for ever.
  test("a peer that goes in the middle of connecting is heard when it is back", async () => {
    const a = await startNode();
    let b = await startNode();
    for (let round = 0; round < 6; round++) {
      a.gossip.wantPeers([wanted(b)]);
      b.gossip.wantPeers([wanted(a)]);
      await eventually("a connection", () => a.gossip.connected().length === 1);
      await stopNode(b);
      await eventually("the loss", () => a.gossip.connected().length === 0);
      b = await startNode({ folder: b.folder, port: b.endpoint.port });
    }
    await expectHeard(a, [b]);
    await expectHeard(b, [a]);
    expect(a.events.filter((event) => event.startsWith("connected"))).toHaveLength(7);
  });

  test("two nodes that dial each other at the same moment end up talking", async () => {
    for (let round = 0; round < 3; round++) {
      const ports = [await freePort(), await freePort()] as const;
      const seed = (port: number) => ({ seeds: [{ address: "127.0.0.1", port }] });
      const [a, b] = await Promise.all([
        startNode({ port: ports[0], ...seed(ports[1]) }),
        startNode({ port: ports[1], ...seed(ports[0]) }),
      ]);
      await eventually(
        "connections",
        () => a.gossip.connected().length === 1 && b.gossip.connected().length === 1,
      );
      await expectHeard(a, [b]);
      await expectHeard(b, [a]);
      await Promise.all([stopNode(a), stopNode(b)]);
    }
  });

  // Without care gossipsub would go on sending into the dead connection until a ping fails, and then nowhere.
  test("a peer that restarts behind a dead line is heard over its new connection", async () => {
    const a = await startNode();
    const line = await startProxy(a.endpoint);
    const b = await startNode({ seeds: [line.endpoint] });
    await eventually("a connection", () => a.gossip.connected().length === 1);
    await expectHeard(a, [b]);
    await Bun.sleep(3_200);
    line.silence();
    await stopNode(b);
    expect(a.gossip.connected()).toEqual([b.identity.id]);
    const again = await startNode({ folder: b.folder, seeds: [a.endpoint] });
    await expectHeard(a, [again]);
    await expectHeard(again, [a]);
    expect(a.gossip.connected()).toEqual([b.identity.id]);
    line.close();
  });
});

describe("openGossip", () => {
  test("refuses a port in use, with the port in the words", async () => {
    const port = await freePort();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve));
    try {
      const refusal = await refused(startNode({ port }));
      expect(refusal.message).toContain(`port ${port} is in use by another program`);
    } finally {
      taken.close();
    }
  });

  test("refuses a primary address that this machine lacks", async () => {
    const refusal = await refused(startNode({ listen: ["192.0.2.77"] }));
    expect(refusal.problem).toBe('this machine has no address "192.0.2.77"');
  });

  test("listens on every own path, and does without a further one that is missing", async () => {
    const notices = recordNotices();
    const node = await startNode({ listen: ["127.0.0.1", "127.0.0.2", "192.0.2.77"], notices });
    const { port } = node.endpoint;
    const other = await startNode({ seeds: [{ address: "127.0.0.2", port }] });
    await eventually("a connection", () => other.gossip.connected().length === 1);
    expect(notices.all.map(({ fields }) => fields)).toEqual([{ address: "192.0.2.77" }]);
  });
});
