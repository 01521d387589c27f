/** What real replicas remember of edits, who else has them on disk, and how edits on both sides of a partition merge. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Edit, NodeId } from "../../../src/core/document/document.ts";
import {
  type EditNote,
  HISTORY_BYTES_MAX,
  HISTORY_EDITS_MAX,
  historyId,
} from "../../../src/core/document/history.ts";
import { parseCheck } from "../../../src/core/check.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../../src/shell/document/document_store.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { createMemoryNetwork, type MemoryNetwork } from "./memory_network.ts";
import { putPort, putServer, sampleService } from "../../support/sample_service.ts";
import { refused } from "../../support/refused.ts";
import { tempFolder } from "../../support/temp_folder.ts";

setDefaultTimeout(30_000);

const A = "00000000000000aa";
const B = "00000000000000bb";
const C = "00000000000000cc";
const KEY = "tcp/192.0.2.240:80";

const stores: OpenDocumentStore[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

function open(
  id: NodeId,
  network: MemoryNetwork,
  folder: StateFolder = openStateFolder(tempFolder()),
): OpenDocumentStore {
  const store = openDocumentStore({ folder, network: network.join(id), onChange: () => {} });
  stores.push(store);
  return store;
}

function note(node: string, undoes?: string): { readonly note: EditNote } {
  const describe: EditNote["describe"] = (changes) =>
    changes.map(({ part, key }) => `${part} ${key}`);
  return { note: { node, user: "anna", ...(undoes === undefined ? {} : { undoes }), describe } };
}

describe("history", () => {
  test("is replicated with the edit, on disk, and remembers what was replaced", async () => {
    const network = createMemoryNetwork();
    const folder = openStateFolder(tempFolder());
    const [a, b] = [open(A, network, folder), open(B, network)];
    await a.edit([putPort(80)], note("n1"));
    await b.edit([putPort(80, "rr")], note("n2"));
    expect(a.history()).toEqual(b.history());
    expect(a.history().map(historyId)).toEqual(["2-n2", "1-n1"]);
    expect(a.history()[0]).toMatchObject({
      user: "anna",
      words: [`services ${KEY}`],
      changes: [{ part: "services", key: KEY, before: sampleService() }],
    });
    await a.close();
    expect(open(A, createMemoryNetwork(), folder).history()).toEqual(b.history());
  });

  test("has no edit that changes nothing, and none that is the agent's own", async () => {
    const a = open(A, createMemoryNetwork());
    await a.edit([putPort(80)], note("n1"));
    await a.edit([putPort(80)], note("n1"));
    await a.edit([{ kind: "putNode", id: A, entry: { name: "n1", left: false } }]);
    expect(a.history()).toHaveLength(1);
  });

  test("keeps the last edits, and of edits made in two places at once both", async () => {
    const network = createMemoryNetwork();
    const [a, b] = [open(A, network), open(B, network)];
    for (let value = 1; value <= HISTORY_EDITS_MAX + 5; value++) {
      const edit: Edit = { kind: "putSetting", name: "sync-ttl", value: String(1 + value % 255) };
      await a.edit([edit], note("n1"));
    }
    expect(a.history()).toHaveLength(HISTORY_EDITS_MAX);
    expect(historyId(a.history()[0]!)).toBe(`${HISTORY_EDITS_MAX + 5}-n1`);
    network.setConnected(B, false);
    await a.edit([putPort(80)], note("n1"));
    await b.edit([putPort(81)], note("n2"));
    network.setConnected(B, true);
    await a.synchronize(B);
    const next = HISTORY_EDITS_MAX + 6;
    expect(b.history().slice(0, 2).map(historyId).sort()).toEqual([`${next}-n1`, `${next}-n2`]);
    expect(b.history()).toEqual(a.history());
  });

  test("stays within its bytes, and keeps words alone of what is too large", async () => {
    const a = open(A, createMemoryNetwork());
    const check = parseCheck("http://:80/", [`expect=${"x".repeat(900)}`]);
    if (typeof check === "string") throw new Error(check);
    const many = (count: number, weight: number) =>
      Array.from({ length: count }, (_, port): Edit => (
        { kind: "putService", service: sampleService({ port: port + 1, check, weight }) }
      ));
    for (let weight = 1; weight <= 40; weight++) await a.edit(many(25, weight), note("n1"));
    const bytes = a.history().reduce((sum, entry) => sum + JSON.stringify(entry).length, 0);
    expect(bytes).toBeLessThanOrEqual(HISTORY_BYTES_MAX);
    expect(bytes).toBeGreaterThan(HISTORY_BYTES_MAX / 2);
    await a.edit(many(300, 50), note("n1"));
    await a.edit(many(300, 51), note("n1"));
    expect(a.history()[0]).toMatchObject({ changes: null, more: 280 });
  });
});

describe("receipt", () => {
  test("names the peers that have the edit on their disks", async () => {
    const network = createMemoryNetwork();
    const folders = [A, B, C].map(() => openStateFolder(tempFolder()));
    const [a] = [A, B, C].map((id, index) => open(id, network, folders[index]));
    const receipt = await a!.edit([putPort(80)]);
    expect(await receipt.storedBy([B, C])).toEqual([B, C]);
    // Opened from the same disk without closing: what a power cut leaves.
    const again = open(B, createMemoryNetwork(), folders[1]);
    expect([...again.current().services.keys()]).toEqual([KEY]);
  });

  test("does not name a peer that is cut off, nor one whose disk refuses", async () => {
    const network = createMemoryNetwork();
    const folder = openStateFolder(tempFolder());
    const a = open(A, network);
    open(B, network, {
      ...folder,
      read: (name) => folder.read(name),
      setAside: (name, why) => folder.setAside(name, why),
      keepAside: (name, why) => folder.keepAside(name, why),
      append: () => Promise.reject(new Error("disk full")),
      write: () => Promise.reject(new Error("disk full")),
    } as StateFolder);
    open(C, network);
    network.setConnected(C, false);
    expect(await (await a.edit([putPort(80)])).storedBy([B, C])).toEqual([]);
  });

  test("waits no longer than a moment for one that does not answer", async () => {
    const network = createMemoryNetwork();
    const a = open(A, network);
    network.join(B).attach({ update: () => {}, serve: () => new Promise(() => {}) });
    const receipt = await a.edit([putPort(80)]);
    const began = performance.now();
    expect(await receipt.storedBy([B])).toEqual([]);
    expect(performance.now() - began).toBeGreaterThan(900);
  });
});

/** Edits on two sides of a partition, and what both have after it. */
async function merged(before: readonly Edit[], left: readonly Edit[], right: readonly Edit[]) {
  const network = createMemoryNetwork();
  const [a, b] = [open(A, network), open(B, network)];
  await a.edit(before);
  network.setConnected(B, false);
  await a.edit(left);
  await b.edit(right);
  network.setConnected(B, true);
  await a.synchronize(B);
  expect(b.digest()).toBe(a.digest());
  expect(b.current()).toEqual(a.current());
  return a;
}

describe("concurrent edits", () => {
  test("of one entry: one of the two wins whole, the same on every node", async () => {
    const left = sampleService({ scheduler: "rr", weight: 2 });
    const right = sampleService({ scheduler: "sh", weight: 3 });
    const { services } = (await merged(
      [putPort(80)],
      [{ kind: "putService", service: left }],
      [{ kind: "putService", service: right }],
    )).current();
    expect([left, right]).toContainEqual(services.get(KEY) as never);
  });

  test("of different entries: both stay", async () => {
    const { services, settings } = (await merged(
      [],
      [putPort(80), { kind: "putSetting", name: "sync-ttl", value: "2" }],
      [putPort(81)],
    )).current();
    expect([services.size, settings.size]).toEqual([2, 1]);
  });

  test("a change wins over a removal, whichever side it is on", async () => {
    const change = putPort(80, "rr");
    const removal: Edit = { kind: "removeService", key: KEY };
    for (const [left, right] of [[change, removal], [removal, change]] as const) {
      const { services } = (await merged([putPort(80)], [left], [right])).current();
      expect(services.get(KEY)?.scheduler).toBe("rr");
    }
  });

  test("a server added to a service that is removed on the other side goes with it", async () => {
    const store = await merged(
      [putPort(80)],
      [{ kind: "removeService", key: KEY }],
      [putServer(80, 21)],
    );
    expect([store.current().services.size, store.current().servers.size]).toEqual([0, 0]);
    // A new service of the same name does not get it back.
    await store.edit([putPort(80)]);
    expect(store.current().servers.size).toBe(0);
    expect((await refused(store.edit([putServer(81, 21)]))).problem).toContain(
      "there is no service",
    );
  });
});
