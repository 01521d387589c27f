/** The document store: disk, peers, and what happens when either fails. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import * as Y from "yjs";
import type { NodeId } from "../../../src/core/document/document.ts";
import { SERVICES_MAX } from "../../../src/core/limits.ts";
import { memberPort } from "../../../src/core/service/service.ts";
import {
  DOCUMENT_BYTES_MAX,
  DOCUMENT_BYTES_TOLD,
} from "../../../src/shell/document/document_network.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../../src/shell/document/document_store.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { eventually } from "../../support/eventually.ts";
import { startNode, stopNodes, type TestNode, wanted } from "../gossip/gossip_cluster.ts";
import { createFramePair, createMemoryNetwork, type MemoryNetwork } from "./memory_network.ts";
import { type RecordedNotices, recordNotices } from "../../support/recorded_notices.ts";
import { refused } from "../../support/refused.ts";
import { putPort, putServer, sampleService } from "../../support/sample_service.ts";
import { tempFolder } from "../../support/temp_folder.ts";

// Real sockets take their time on a machine that does other things too.
setDefaultTimeout(30_000);
afterEach(stopNodes);

const A = "00000000000000aa";
const B = "00000000000000bb";
const C = "00000000000000cc";

interface TestStore {
  readonly store: OpenDocumentStore;
  readonly folder: StateFolder;
  readonly notices: RecordedNotices;
  changes(): number;
}

const stores: OpenDocumentStore[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

function open(
  id: NodeId,
  { network = createMemoryNetwork(), folder = openStateFolder(tempFolder()) }: {
    network?: MemoryNetwork;
    folder?: StateFolder;
  } = {},
): TestStore {
  let changes = 0;
  const notices = recordNotices();
  const store = openDocumentStore({
    folder,
    network: network.join(id),
    onChange: () => void changes++,
    notices,
  });
  stores.push(store);
  return { store, folder, notices, changes: () => changes };
}

const ports = (store: OpenDocumentStore) =>
  [...store.current().services.values()].map((service) => memberPort(service)).sort((a, b) =>
    a - b
  );

describe("edit", () => {
  test("is in the content, on disk and at the peers when it is acknowledged", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    const b = open(B, { network });
    const c = open(C, { network });
    expect(await a.store.edit([putPort(80)])).toMatchObject({ sentTo: 2 });
    for (const { store } of [a, b, c]) expect(ports(store)).toEqual([80]);
    expect(b.store.digest()).toBe(a.store.digest());
    expect([a.changes(), b.changes()]).toEqual([1, 1]);
    // Opened again from the same disk without closing: what a power cut leaves.
    expect(ports(open(A, { folder: a.folder }).store)).toEqual([80]);
  });

  test("replaces, removes, moves and marks", async () => {
    const { store } = open(A);
    await store.edit([putPort(80), putPort(81)]);
    await store.edit([
      putPort(80, "rr"),
      { kind: "removeService", key: "tcp/192.0.2.240:81" },
      { kind: "putMove", move: { vip: "192.0.2.240", to: B, fromEpoch: 4 } },
      { kind: "putNode", id: B, entry: { name: "n2", left: true } },
    ]);
    const { services, moves, nodes } = store.current();
    expect([...services.values()]).toEqual([sampleService({ scheduler: "rr" })]);
    expect([...moves.values()]).toEqual([{ vip: "192.0.2.240", to: B, fromEpoch: 4 }]);
    expect([...nodes]).toEqual([[B, { name: "n2", left: true }]]);
  });

  test("many at once are done one after the other, and none is lost", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    const b = open(B, { network });
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    await Promise.all(numbers.map((port) => (port % 2 ? a : b).store.edit([putPort(port)])));
    expect(ports(a.store)).toEqual(numbers);
    expect(ports(b.store)).toEqual(numbers);
    expect(b.store.digest()).toBe(a.store.digest());
  });

  test("refuses an entry that is not valid, and a service too many", async () => {
    const { store } = open(A);
    const bad = { ...sampleService(), scheduler: "best" } as never;
    expect((await refused(store.edit([{ kind: "putService", service: bad }]))).problem).toContain(
      "scheduler",
    );
    await store.edit(Array.from({ length: SERVICES_MAX }, (_, port) => putPort(port + 1)));
    const refusal = await refused(store.edit([putPort(SERVICES_MAX + 1)]));
    expect(refusal.problem).toBe(
      `a cluster has at most ${SERVICES_MAX} services, and this makes ${SERVICES_MAX + 1}`,
    );
    await store.edit([{ kind: "removeService", key: "tcp/192.0.2.240:1" }]);
    await store.edit([putPort(SERVICES_MAX + 1)]);
  });

  test("refuses what is about a service that is gone, and settings that are none", async () => {
    const { store } = open(A);
    expect((await refused(store.edit([putServer(80, 21)]))).problem).toBe(
      "there is no service tcp/192.0.2.240:80",
    );
    const bad = { kind: "putSetting", name: "sync-ttl", value: "0" } as const;
    expect((await refused(store.edit([bad]))).problem).toBe(
      'the setting sync-ttl does not take "0"',
    );
    await store.edit([putPort(80), putServer(80, 21)]);
    expect(store.current().servers.get("tcp/192.0.2.240:80")?.size).toBe(1);
  });

  test("that changes nothing is no change, and still tells how many peers are there", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    open(B, { network });
    await a.store.edit([putPort(80)]);
    const digest = a.store.digest();
    const nothing = { kind: "removeService", key: "tcp/192.0.2.240:81" } as const;
    expect(await a.store.edit([nothing])).toMatchObject({ sentTo: 1 });
    expect([a.store.digest(), a.changes()]).toEqual([digest, 1]);
  });

  test("of a thousand entries is seen as a whole, and other work goes on meanwhile", async () => {
    const { store } = open(A);
    const sizes = new Set<number>();
    let turns = 0;
    let done = false;
    const editing = store.edit(Array.from({ length: 1_000 }, (_, port) => putPort(port + 1)))
      .finally(() => done = true);
    for (; !done && turns < 10_000; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      sizes.add(store.current().services.size);
    }
    await editing;
    sizes.add(store.current().services.size);
    expect([...sizes]).toEqual([0, 1_000]);
    expect(turns).toBeGreaterThan(5);
  });

  test("current gives the same object until something changes", async () => {
    const { store } = open(A);
    await store.edit([putPort(80)]);
    const content = store.current();
    expect(store.current()).toBe(content);
    await store.edit([putPort(81)]);
    expect(store.current()).not.toBe(content);
  });
});

describe("what peers send", () => {
  test("is on disk soon, without an edit here", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    const b = open(B, { network });
    await a.store.edit([putPort(80)]);
    await eventually("the file", () => b.folder.read("document.journal") !== null);
    expect(ports(open(B, { folder: b.folder }).store)).toEqual([80]);
  });

  test("is on disk after close, at once", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    const b = open(B, { network });
    await a.store.edit([putPort(80)]);
    await b.store.close();
    expect(ports(open(B, { folder: b.folder }).store)).toEqual([80]);
  });

  test("is dropped and counted when it is no update, and the rest goes on", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    const b = open(B, { network });
    await b.store.edit([putPort(80)]);
    const rude = network.join(C);
    await rude.publish(Uint8Array.of(1, 2, 3, 4, 5));
    await rude.publish(new Uint8Array(0));
    await rude.publish(new Uint8Array(DOCUMENT_BYTES_MAX + 1));
    expect([...a.store.dropped()]).toEqual([["malformed", 2], ["size", 1]]);
    await b.store.edit([putPort(81)]);
    await a.store.synchronize(B);
    expect(ports(a.store)).toEqual([80, 81]);
    expect(a.store.digest()).toBe(b.store.digest());
  });
});

test("a document that is about to be full says so, also after a restart", async () => {
  const network = createMemoryNetwork();
  const a = open(A, { network });
  const doc = new Y.Doc();
  const parts: Uint8Array[] = [];
  doc.on("update", (part: Uint8Array) => void parts.push(part));
  const pieces = Math.ceil(DOCUMENT_BYTES_TOLD / 1_000_000);
  for (let index = 0; index < pieces; index++) {
    expect(a.store.current().crowded).toBeUndefined();
    doc.getMap("tides").set(`${index}`, "x".repeat(1_000_000));
    await network.join(B).publish(parts.at(-1) as Uint8Array);
  }
  await a.store.close();
  for (const { current } of [a.store, open(A, { folder: a.folder }).store]) {
    const { bytes = 0, max } = current().crowded ?? {};
    expect(bytes).toBeGreaterThan(pieces * 1_000_000);
    expect(max).toBe(DOCUMENT_BYTES_MAX);
  }
});

describe("synchronize", () => {
  test("brings both sides what they missed, removals too", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    const b = open(B, { network });
    await a.store.edit([putPort(80), putPort(81)]);
    network.setConnected(B, false);
    await a.store.edit([putPort(82), { kind: "removeService", key: "tcp/192.0.2.240:80" }]);
    await b.store.edit([putPort(83)]);
    expect(b.store.digest()).not.toBe(a.store.digest());
    network.setConnected(B, true);
    await b.store.synchronize(A);
    expect(ports(a.store)).toEqual([81, 82, 83]);
    expect(ports(b.store)).toEqual([81, 82, 83]);
    expect(b.store.digest()).toBe(a.store.digest());
  });

  test("fills a store that was lost with its disk", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    await a.store.edit(Array.from({ length: 200 }, (_, port) => putPort(port + 1)));
    const fresh = open(B, { network });
    await fresh.store.synchronize(A);
    expect(fresh.store.current().services.size).toBe(200);
  });

  test("rejects when the peer is away or breaks off, and can be tried again", async () => {
    const network = createMemoryNetwork();
    const a = open(A, { network });
    await expect(a.store.synchronize(B)).rejects.toThrow("no connection");
    network.join(B).attach({ update() {}, serve: () => Promise.reject(new Error("broken")) });
    await expect(a.store.synchronize(B)).rejects.toThrow("broken");
    const b = open(B, { network });
    await b.store.edit([putPort(80)]);
    await a.store.synchronize(B);
    expect(ports(a.store)).toEqual([80]);
  });

  test("asked with bytes that are no state vector, fails the stream and nothing else", async () => {
    let serve: ((frames: ReturnType<typeof createFramePair>[0]) => Promise<void>) | undefined;
    const store = openDocumentStore({
      folder: openStateFolder(tempFolder()),
      network: {
        publish: () => Promise.resolve(0),
        open: () => Promise.reject(new Error("none")),
        attach: (handlers) => void (serve = handlers.serve),
      },
      onChange: () => {},
    });
    stores.push(store);
    const [near, far] = createFramePair();
    await near.write(Uint8Array.of(255, 255, 255));
    await expect(serve?.(far)).rejects.toThrow();
    await store.edit([putPort(80)]);
  });
});

describe("over gossip", () => {
  async function startStores(count: number): Promise<(TestNode & { store: OpenDocumentStore })[]> {
    const nodes: TestNode[] = [];
    for (let index = 0; index < count; index++) nodes.push(await startNode());
    const opened = nodes.map((node) => {
      const { folder, notices } = node;
      const options = { folder, notices, network: node.gossip.documents, onChange: () => {} };
      const store = openDocumentStore(options);
      stores.push(store);
      return { ...node, store };
    });
    for (const node of nodes) node.gossip.wantPeers(nodes.map(wanted));
    await eventually(
      "all connected",
      () => nodes.every((node) => node.gossip.connected().length === count - 1),
    );
    return opened;
  }

  test(
    "an edit on any of three nodes reaches all, and a late large document by synchronization",
    async () => {
      const nodes = await startStores(3);
      // Nodes that have just connected may still be telling each other what they subscribe to.
      await eventually("everybody heard", () => {
        for (const node of nodes) node.publish();
        return nodes.every((node) => node.records.size === 2);
      });
      for (const [port, node] of nodes.entries()) {
        expect(await node.store.edit([putPort(port + 1)])).toMatchObject({ sentTo: 2 });
        await eventually(
          "the edit at every node",
          () => nodes.every((other) => ports(other.store).includes(port + 1)),
        );
      }
      expect(new Set(nodes.map((node) => node.store.digest())).size).toBe(1);
      for (const node of nodes.slice(1)) await node.store.synchronize(nodes[0]!.identity.id);
      expect(new Set(nodes.map((node) => node.store.digest())).size).toBe(1);

      const many = Array.from({ length: 4_000 }, (_, index) => putPort(index + 1));
      // More than is told at once: told piece by piece, and what gets lost comes by synchronization.
      expect(await nodes[0]!.store.edit(many)).toMatchObject({ sentTo: 2 });
      await nodes[1]!.store.synchronize(nodes[0]!.identity.id);
      expect(nodes[1]!.store.digest()).toBe(nodes[0]!.store.digest());
      expect(nodes[1]!.store.current().services.size).toBe(4_000);
    },
    // Five seconds of work, on a machine that may do ten other things.
    60_000,
  );

  test("synchronize with a peer that is not connected rejects", async () => {
    const [node] = await startStores(1);
    await expect(node!.store.synchronize(B)).rejects.toThrow(`no connection to ${B}`);
  });
});
