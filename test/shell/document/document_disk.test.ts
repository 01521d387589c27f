/** The document store and its disk: what a disk that refuses, a power cut or damage leaves. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as Y from "yjs";
import type { Edit } from "../../../src/core/document/document.ts";
import { Refusal } from "../../../src/core/refusal.ts";
import { JOURNAL_BYTES_MAX } from "../../../src/shell/document/document_file.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../../src/shell/document/document_store.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { eventually } from "../../support/eventually.ts";
import { createMemoryNetwork, type MemoryNetwork } from "./memory_network.ts";
import { type RecordedNotices, recordNotices } from "../../support/recorded_notices.ts";
import { refused } from "../../support/refused.ts";
import { putPort, putServer, sampleService } from "../../support/sample_service.ts";
import { tempFolder } from "../../support/temp_folder.ts";

setDefaultTimeout(30_000);

const A = "00000000000000aa";
const B = "00000000000000bb";
const JOURNAL = "document.journal";
const REPLICA = "document.bin";

const stores: OpenDocumentStore[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

function open(folder: StateFolder, network = createMemoryNetwork(), id = A): OpenDocumentStore {
  const store = openDocumentStore({ folder, network: network.join(id), onChange: () => {} });
  stores.push(store);
  return store;
}

/** A folder whose disk can refuse: before anything is done, or when it is done already. */
function createFlakyFolder(): {
  folder: StateFolder;
  refuse: "no" | "before" | "after";
  path: string;
} {
  const folder = openStateFolder(tempFolder());
  const disk = { folder, refuse: "no" as "no" | "before" | "after", path: folder.path };
  const refusing =
    (act: (name: string, bytes: Uint8Array) => Promise<void>) =>
    async (name: string, bytes: Uint8Array) => {
      if (disk.refuse !== "before") await act(name, bytes);
      if (disk.refuse !== "no") {
        throw new Refusal({ attempted: "write", problem: "no space", remedy: "" });
      }
    };
  disk.folder = {
    ...folder,
    write: refusing(folder.write),
    append: refusing(folder.append),
  };
  return disk;
}

const ports = (store: OpenDocumentStore) =>
  [...store.current().services.keys()].map((key) => Number(key.slice(key.lastIndexOf(":") + 1)))
    .sort((a, b) => a - b);

describe("a disk that refuses", () => {
  for (const refuse of ["before", "after"] as const) {
    // The first edit makes the journal, the others are put behind it.
    for (const edits of [0, 1, 2]) {
      test(`${refuse} it wrote edit ${edits + 1}: refused, here and at the peers, and works again later`, async () => {
        const disk = createFlakyFolder();
        const network = createMemoryNetwork();
        const a = open(disk.folder, network);
        const b = open(openStateFolder(tempFolder()), network, B);
        const good = Array.from({ length: edits }, (_, index) => index + 1);
        for (const port of good) await a.edit([putPort(port)]);
        const digest = a.digest();
        disk.refuse = refuse;
        for (const port of [81, 82]) {
          expect((await refused(a.edit([putPort(port)]))).problem).toBe("no space");
        }
        expect([ports(a), ports(b)]).toEqual([good, good]);
        expect([a.digest(), b.digest()]).toEqual([digest, digest]);
        disk.refuse = "no";
        await a.edit([putPort(83)]);
        await a.edit([putPort(84)]);
        for (const store of [a, b, open(openStateFolder(disk.path))]) {
          expect(ports(store)).toEqual([...good, 83, 84]);
          expect(store.digest()).toBe(a.digest());
        }
      });
    }
  }

  test("an edit that was refused but reached the disk harms nobody when it comes back", async () => {
    const disk = createFlakyFolder();
    const network = createMemoryNetwork();
    const a = open(disk.folder, network);
    const b = open(openStateFolder(tempFolder()), network, B);
    await a.edit([putPort(80)]);
    disk.refuse = "after";
    await refused(a.edit([putPort(81)]));
    network.setConnected(A, false);
    // The agent ends here, and what is on the disk is what it has when it starts again.
    const again = open(openStateFolder(disk.path), network);
    expect(ports(again)).toEqual([80, 81]);
    await b.edit([putPort(82)]);
    network.setConnected(A, true);
    await again.synchronize(B);
    expect([ports(again), ports(b)]).toEqual([[80, 81, 82], [80, 81, 82]]);
    expect(again.digest()).toBe(b.digest());
  });

  test("keeps nothing from merging what peers send, which is saved when it can be", async () => {
    const disk = createFlakyFolder();
    const network = createMemoryNetwork();
    const a = open(disk.folder, network);
    const b = open(openStateFolder(tempFolder()), network, B);
    disk.refuse = "before";
    await b.edit([putPort(80)]);
    expect(ports(a)).toEqual([80]);
    await refused(a.edit([putPort(81)]));
    disk.refuse = "no";
    // Builds on what the peer sent: both are on disk when it is acknowledged.
    await a.edit([putPort(80, "rr"), putPort(82)]);
    const again = open(openStateFolder(disk.path));
    expect(ports(again)).toEqual([80, 82]);
    expect(again.digest()).toBe(a.digest());
  });

  test("does not take for saved what peers sent while it was writing", async () => {
    const disk = createFlakyFolder();
    const network = createMemoryNetwork();
    const b = open(openStateFolder(tempFolder()), network, B);
    let meanwhile: Promise<unknown> = Promise.resolve();
    const { folder } = disk;
    const a = open({
      ...folder,
      write: (name, bytes) => {
        meanwhile = b.edit([putPort(81)]);
        return meanwhile.then(() => folder.write(name, bytes));
      },
    }, network);
    await a.edit([putPort(80)]);
    await meanwhile;
    // Builds on what the peer sent meanwhile.
    await a.edit([putPort(81, "rr")]);
    expect(ports(open(openStateFolder(disk.path)))).toEqual([80, 81]);
  });

  test("while the whole document is written: the journal stays, and nothing is lost", async () => {
    const disk = createFlakyFolder();
    const { folder } = disk;
    let refusedOnce = 0;
    const a = open({
      ...folder,
      write: (name, bytes) => {
        if (name !== REPLICA || refusedOnce > 1) return folder.write(name, bytes);
        refusedOnce++;
        return Promise.reject(new Refusal({ attempted: "write", problem: "no space", remedy: "" }));
      },
    });
    await a.edit(servers(4_000, 1));
    await eventually("the first attempt", () => refusedOnce === 1);
    await a.edit([putServer(80, 1, 7)]);
    await eventually("the second attempt", () => refusedOnce === 2);
    expect(serverCount(open(openStateFolder(disk.path)))).toBe(4_001);
    await a.edit([putServer(80, 2, 7)]);
    await eventually("a short journal", () => size(disk.path, JOURNAL) < JOURNAL_BYTES_MAX / 2);
    expect(open(openStateFolder(disk.path)).digest()).toBe(a.digest());
  });
});

/** One service and this many servers of it. */
function servers(count: number, weight: number): Edit[] {
  return [
    putPort(80),
    ...Array.from({ length: count }, (_, index): Edit => {
      const put = putServer(80, index % 250, weight) as Edit & { kind: "putServer" };
      const target = { address: `192.0.${index % 250}.${1 + Math.floor(index / 250)}`, port: 80 };
      return { kind: "putServer", server: { ...put.server, target } };
    }),
  ];
}

const serverCount = (store: OpenDocumentStore) =>
  [...store.current().servers.values()].reduce((sum, entries) => sum + entries.size, 0);
const size = (path: string, name: string) => readFileSync(join(path, name)).length;

describe("the journal", () => {
  test("becomes short again when it is long, while edits go on", async () => {
    const folder = openStateFolder(tempFolder());
    const store = open(folder);
    await store.edit(servers(4_000, 1));
    for (let weight = 2; weight < 12; weight++) {
      await store.edit([putServer(80, 1, weight)]);
      await store.edit([{ kind: "putSetting", name: "sync-ttl", value: String(weight) }]);
    }
    await eventually("the whole document", () => folder.read(REPLICA) !== null);
    await eventually("a short journal", () => size(folder.path, JOURNAL) < JOURNAL_BYTES_MAX / 2);
    const again = open(openStateFolder(folder.path));
    expect(again.digest()).toBe(store.digest());
    expect(again.current().settings.get("sync-ttl")).toBe("11");
    expect(serverCount(again)).toBe(4_001);
  });

  test("cut off at any byte is read to the last whole edit, says so, and goes on", async () => {
    const folder = openStateFolder(tempFolder());
    const store = open(folder);
    const ends: number[] = [];
    for (const port of [80, 81, 82]) {
      await store.edit([putPort(port)]);
      ends.push(size(folder.path, JOURNAL));
    }
    const whole = readFileSync(join(folder.path, JOURNAL));
    const path = tempFolder();
    for (let end = whole.length; end >= 4; end--) {
      writeFileSync(join(path, JOURNAL), whole.subarray(0, end));
      const notices = recordNotices();
      const again = openDocumentStore({
        folder: openStateFolder(path, { notices }),
        network: createMemoryNetwork().join(A),
        onChange: () => {},
        notices,
      });
      const count = ends.filter((whole) => whole <= end).length;
      expect(ports(again)).toEqual([80, 81, 82].slice(0, count));
      const clean = end === 4 || ends.includes(end);
      expect(notices.messages("warn")).toHaveLength(clean ? 0 : 1);
      if (end % 16 === 0) {
        await again.edit([putPort(90)]);
        expect(ports(open(openStateFolder(path)))).toEqual([...[80, 81, 82].slice(0, count), 90]);
      }
      await again.close();
    }
    expect(readdirSync(path).filter((name) => name.includes("damaged"))).toEqual([]);
  });

  test("with any byte of its middle damaged keeps the other edits, and is kept aside", async () => {
    const folder = openStateFolder(tempFolder());
    const store = open(folder);
    await store.edit([putPort(80)]);
    const first = size(folder.path, JOURNAL);
    await store.edit([{ kind: "putSetting", name: "sync-ttl", value: "7" }]);
    const second = size(folder.path, JOURNAL);
    await store.edit([{ kind: "putSetting", name: "sync-port", value: "7" }]);
    const whole = readFileSync(join(folder.path, JOURNAL));
    for (let at = 0; at < second; at++) {
      const path = tempFolder();
      writeFileSync(
        join(path, JOURNAL),
        whole.map((byte, index) => index === at ? byte ^ 1 : byte),
      );
      const notices = recordNotices();
      const again = open(openStateFolder(path, { notices }));
      // What came after the damage waits for what it follows, but the damaged edit itself is lost here.
      expect(ports(again)).toEqual(at < 4 || at >= first ? [80] : []);
      expect(notices.messages("warn")).toHaveLength(1);
      expect(readdirSync(path).join()).toContain(`${JOURNAL}.damaged-`);
      if (at % 16 === 0) {
        await eventually("written anew", () => readdirSync(path).includes(JOURNAL));
        expect(ports(open(openStateFolder(path)))).toEqual(ports(again));
      }
    }
  });

  test("with its last edit damaged is kept aside, with zeros in place of its end it was not written", async () => {
    const folder = openStateFolder(tempFolder());
    const store = open(folder);
    await store.edit([putPort(80)]);
    const first = size(folder.path, JOURNAL);
    await store.edit([putPort(81)]);
    const whole = readFileSync(join(folder.path, JOURNAL));
    const broken = (change: (bytes: Buffer) => void) => {
      const path = tempFolder();
      const bytes = Buffer.from(whole);
      change(bytes);
      writeFileSync(join(path, JOURNAL), bytes);
      const again = open(openStateFolder(path));
      expect(ports(again)).toEqual([80]);
      return { lost: again.lost, kept: readdirSync(path).some((name) => name.includes("damaged")) };
    };
    for (const at of [first + 8, first + 40, whole.length - 1]) {
      expect(broken((bytes) => bytes[at]! ^= 1)).toEqual({
        lost: `${JOURNAL} could not be read`,
        kept: true,
      });
    }
    expect(broken((bytes) => bytes.fill(0, whole.length - 16))).toEqual({
      lost: null,
      kept: false,
    });
  });

  test("beside a document that was lost waits for it, and is whole again with a peer's help", async () => {
    const network = createMemoryNetwork();
    const a = open(openStateFolder(tempFolder()), network, B);
    const folder = openStateFolder(tempFolder());
    const b = open(folder, network);
    await b.edit(servers(4_000, 1));
    await eventually("a short journal", () => size(folder.path, JOURNAL) < 1_000);
    network.setConnected(B, false);
    await b.edit([putPort(81)]);
    await b.close();
    writeFileSync(join(folder.path, REPLICA), "damaged");
    const again = open(openStateFolder(folder.path), network);
    expect(ports(again)).toEqual([]);
    network.setConnected(B, true);
    await again.synchronize(B);
    // Known to nobody but the journal.
    expect(ports(again)).toEqual([80, 81]);
    await again.synchronize(B);
    expect(a.digest()).toBe(again.digest());
  });
});

describe("the whole document", () => {
  const damages: { name: string; damage: (bytes: Buffer) => Uint8Array }[] = [
    { name: "cut off", damage: (bytes) => bytes.subarray(0, bytes.length - 3) },
    { name: "empty", damage: () => new Uint8Array(0) },
    { name: "of another program", damage: () => new TextEncoder().encode("#!/bin/sh\n") },
    {
      name: "with one bit flipped",
      damage: (bytes) => bytes.map((byte, index) => index === 60 ? byte ^ 1 : byte),
    },
    {
      name: "no update though its checksum is right",
      damage: () => oldFile(new Uint8Array(9).fill(9)),
    },
  ];
  for (const { name, damage } of damages) {
    test(`${name} is set aside, and peers bring the content back`, async () => {
      const network: MemoryNetwork = createMemoryNetwork();
      const a = open(openStateFolder(tempFolder()), network);
      await a.edit([putPort(80)]);
      const path = tempFolder();
      writeFileSync(join(path, REPLICA), damage(Buffer.from(oldFile(oldState([81])))));
      const notices: RecordedNotices = recordNotices();
      const again = open(openStateFolder(path, { notices }), network, B);
      expect(ports(again)).toEqual([]);
      expect(notices.messages("warn")).toHaveLength(1);
      expect(readdirSync(path).join()).toContain("document.bin.damaged-");
      await again.synchronize(A);
      expect(ports(again)).toEqual([80]);
    });
  }

  test("of the version before there was a journal is read, and edited further", async () => {
    const path = tempFolder();
    writeFileSync(join(path, REPLICA), oldFile(oldState([80, 81])));
    const store = open(openStateFolder(path));
    expect(ports(store)).toEqual([80, 81]);
    // What that version did not know has its standard value.
    expect(store.current().services.get("tcp/192.0.2.240:80")).toEqual(sampleService());
    await store.edit([putPort(82), { kind: "removeService", key: "tcp/192.0.2.240:80" }]);
    expect(ports(open(openStateFolder(path)))).toEqual([81, 82]);
  });

  test("lost between two starts does not hold up what comes later", async () => {
    const path = tempFolder();
    const store = open(openStateFolder(path));
    await store.edit([putPort(80)]);
    await store.close();
    rmSync(join(path, JOURNAL));
    const again = open(openStateFolder(path));
    await again.edit([putPort(81)]);
    expect(ports(open(openStateFolder(path)))).toEqual([81]);
  });
});

/** What that version wrote: entries without what services have learned since. */
function oldState(ports: readonly number[]): Uint8Array {
  const doc = new Y.Doc();
  for (const port of ports) {
    const { address, protocol, scheduler, forwarding, check } = sampleService({ port });
    doc.getMap("services").set(`tcp/192.0.2.240:${port}`, {
      ...{ address, port, protocol, scheduler, forwarding, check },
    });
  }
  return Y.encodeStateAsUpdate(doc);
}

/** The file that version wrote: "TRD1", SHA-256, state. */
function oldFile(state: Uint8Array): Uint8Array {
  return Buffer.concat(
    ["TRD1", createHash("sha256").update(state).digest(), state].map((part) =>
      Buffer.from(part as Uint8Array)
    ),
  );
}
