/**
 * Every file of the state folder, damaged in every way: the node starts, says what it lost and what happens now, keeps
 * the damaged file aside, and reads all the others as if nothing had happened.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Refusal } from "../../../src/core/refusal.ts";
import { openAgentMemory } from "../../../src/shell/files/agent_memory.ts";
import { DocumentFile } from "../../../src/shell/document/document_file.ts";
import { encodeInSlices } from "../../../src/shell/document/document_slices.ts";
import { openDocumentStore } from "../../../src/shell/document/document_store.ts";
import { openEventLog } from "../../../src/shell/events/event_log.ts";
import { openIdentity } from "../../../src/shell/files/identity.ts";
import { stateFiles } from "../../../src/shell/files/state_files.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { tokenKeys } from "../../../src/shell/files/token.ts";
import { openTokenStore } from "../../../src/shell/files/token_store.ts";
import { eventually } from "../../support/eventually.ts";
import { createMemoryNetwork } from "../document/memory_network.ts";
import { type RecordedNotices, recordNotices } from "../../support/recorded_notices.ts";
import { sampleRecord } from "../../support/sample_record.ts";
import { putPort, putServer } from "../../support/sample_service.ts";
import { tempFolder } from "../../support/temp_folder.ts";

setDefaultTimeout(60_000);

const NODE = "00000000000000bb";
const VIP = "192.0.2.240";
const TIMEOUTS = { tcpS: 900, tcpFinS: 120, udpS: 300 };
const TOKEN = `troop1-${"a".repeat(64)}`;
const OTHER_TOKEN = `troop1-${"b".repeat(64)}`;
/** Truncations and bit flips tried of each file. */
const TRIES = 12;

/** What an agent reads when it starts. */
async function start(folder: StateFolder, notices: RecordedNotices) {
  const identity = await openIdentity(folder, { notices, wallMs: () => 5_000 });
  const store = openDocumentStore({
    folder,
    network: createMemoryNetwork().join(NODE),
    onChange: () => {},
    notices,
  });
  const memory = openAgentMemory(folder, notices);
  openTokenStore(folder, { configured: TOKEN, writeConfigured: () => {}, notices });
  const document = store.current();
  await store.close();
  return { identity, document, memory, lost: store.lost };
}

/** A folder with every file in it. */
async function fillFolder(path: string): Promise<void> {
  const notices = recordNotices();
  const folder = openStateFolder(path, { notices });
  await openIdentity(folder);
  const network = createMemoryNetwork().join(NODE);
  const store = openDocumentStore({ folder, network, onChange: () => {} });
  await store.edit([putPort(80), putServer(80, 1)]);
  await store.close();
  const file = new DocumentFile(folder);
  await file.writeReplica(await encodeInSlices(file.load().doc));
  await file.forget(file.length);
  const again = openDocumentStore({ folder, network, onChange: () => {} });
  await again.edit([putPort(81)]);
  await again.close();
  const tokens = openTokenStore(folder, { configured: TOKEN, writeConfigured: () => {}, notices });
  const { fingerprint } = tokenKeys(OTHER_TOKEN);
  const from = tokenKeys(TOKEN).fingerprint;
  await tokens.begin({ serial: 1, target: fingerprint, from, graceS: 60 }, OTHER_TOKEN);
  const memory = openAgentMemory(folder, notices);
  await memory.savedSwitches.save([["a", "1"]]);
  await memory.savedTimeouts.set(TIMEOUTS);
  await memory.owned.add(["tcp/kept"]);
  memory.rememberPeers([{ id: NODE, addresses: ["192.0.2.12"], port: 6_940 }]);
  memory.saveRecords([sampleRecord({ id: NODE })]);
  memory.saveVips([VIP]);
  memory.saveClaims(new Map([[VIP, 3]]), new Map([[VIP, 4]]));
  const names = Object.keys(stateFiles);
  await eventually("all files are there", () => names.every((name) => folder.read(name) !== null));
}

const whole = mkdtempSync(join(tmpdir(), "troop-test-"));
beforeAll(() => fillFolder(whole));
afterAll(() => rmSync(whole, { recursive: true, force: true }));
const names = Object.keys(stateFiles);

type Damage = (file: string, bytes: Buffer) => void;

/** What can become of a file as a whole. */
const damages: Readonly<Record<string, Damage>> = {
  empty: (file) => writeFileSync(file, ""),
  "of another program": (file) => writeFileSync(file, "#!/bin/sh\necho hello\n"),
  "zeros, as some file systems leave": (file, bytes) =>
    writeFileSync(file, new Uint8Array(bytes.length)),
  "a folder": (file) => {
    rmSync(file);
    mkdirSync(file);
    writeFileSync(join(file, "inside"), "x");
  },
  "a link to itself": (file) => {
    rmSync(file);
    symlinkSync(file, file);
  },
};

/** A copy of the whole folder in which one file is damaged. */
function damagedCopy(name: string, damage: Damage) {
  const path = tempFolder();
  cpSync(whole, path, { recursive: true });
  chmodSync(join(path, "identity"), 0o600);
  damage(join(path, name), readFileSync(join(path, name)));
  const notices = recordNotices();
  return { path, notices, folder: openStateFolder(path, { notices }) };
}

/** Everything but the lost file is as it was. */
function expectRest(name: string, found: Awaited<ReturnType<typeof start>>): void {
  const { document, memory, identity } = found;
  if (!name.startsWith("document.")) expect(document.services.size).toBe(2);
  if (name !== "rows.json") expect(memory.owned.keys()).toEqual(["tcp/kept"]);
  if (name !== "switches.json") expect(memory.savedSwitches.entries()).toEqual([["a", "1"]]);
  if (name !== "timeouts.json") expect(memory.savedTimeouts.get()).toEqual(TIMEOUTS);
  if (name !== "vips.json") expect(memory.vips()).toEqual([VIP]);
  if (name !== "peers.json") expect(memory.knownPeers()).toHaveLength(1);
  if (name !== "records.json") expect(memory.records()).toHaveLength(1);
  if (name !== "claims.json") expect([...memory.claims()]).toEqual([[VIP, 3]]);
  if (name !== "claims.json") expect([...memory.epochs()]).toEqual([[VIP, 4]]);
  if (name !== "boot") expect(identity.boot).toBeGreaterThan(1_000_000);
}

describe.each(names)("%s", (name) => {
  for (const [what, damage] of Object.entries(damages)) {
    test(`that is ${what}`, async () => {
      const { path, notices, folder } = damagedCopy(name, damage);
      const found = await start(folder, notices);
      expect(notices.messages("warn")).toEqual([
        expect.stringContaining(`the state file ${name} is damaged (`),
      ]);
      // What happens now is said, not only what happened.
      expect(notices.messages("warn")[0]).toEndWith(stateFiles[name]?.lost ?? "?");
      expect(readdirSync(path).filter((item) => item.includes(".damaged-"))).toHaveLength(1);
      expectRest(name, found);
      expect(found.lost !== null).toBe(name.startsWith("document."));
      // It was lost once: the next start is like any other, but for the document, which is still to come.
      const again = recordNotices();
      await start(openStateFolder(path, { notices: again }), again);
      expect(again.messages("warn")).toEqual([]);
    });
  }

  test("cut off anywhere, or with a bit turned over: the node starts and the rest is there", async () => {
    const { length } = readFileSync(join(whole, name));
    for (let index = 0; index < TRIES; index++) {
      const at = Math.floor(((index + 0.5) * length) / TRIES);
      for (const cut of [true, false]) {
        const { notices, folder } = damagedCopy(name, (file, bytes) => {
          const flipped = bytes.map((byte, place) => place === at ? byte ^ 0x20 : byte);
          writeFileSync(file, cut ? bytes.subarray(0, at) : flipped);
        });
        const found = await start(folder, notices);
        expectRest(name, found);
        // A bit of a text may make another good text; of what has a checksum none is taken for good.
        if (!name.startsWith("document.")) continue;
        expect(notices.messages("warn").length).toBeGreaterThan(0);
        if (!cut) expect(found.lost === null && name !== "document.journal").toBe(false);
      }
    }
  });
});

describe("a file that only a newer version understands", () => {
  const newer: Readonly<Record<string, string>> = {
    identity: "troop-identity-2 something else\n",
    "document.bin": "TRD3 something else that is long enough to have a checksum somewhere",
    "document.journal": "TRJ3 something else",
    ...Object.fromEntries(
      names.filter((name) => name.endsWith(".json")).map((name) => [name, '{"format":2,"x":[]}']),
    ),
  };
  for (const [name, text] of Object.entries(newer)) {
    test(`${name}: one clear line, and nothing is changed`, async () => {
      const { path, notices, folder } = damagedCopy(name, (file) => writeFileSync(file, text));
      const error = await start(folder, notices).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(Refusal);
      expect((error as Refusal).message).toContain(
        `a newer version of troop wrote it, in format ${name.startsWith("document.") ? 3 : 2}`,
      );
      expect(readFileSync(join(path, name), "utf8")).toBe(text);
      expect(readdirSync(path).filter((item) => item.includes(".damaged-"))).toEqual([]);
    });
  }

  test("but a field more is kept, and written again", async () => {
    const { path, folder, notices } = damagedCopy(
      "rows.json",
      (file) => writeFileSync(file, '{"format":1,"rows":["tcp/kept"],"colour":{"of":"later"}}'),
    );
    const { memory } = await start(folder, notices);
    await memory.owned.add(["tcp/more"]);
    expect(JSON.parse(readFileSync(join(path, "rows.json"), "utf8"))).toEqual({
      format: 1,
      rows: ["tcp/kept", "tcp/more"],
      colour: { of: "later" },
    });
  });
});

test("claims that were lost are known to be lost after the next start, too", async () => {
  const { path, folder, notices } = damagedCopy("claims.json", (file) => writeFileSync(file, "{"));
  expect((await start(folder, notices)).memory.claimsLost).toBe(true);
  await eventually("it is written down", () => readdirSync(path).includes("claims.json"));
  const again = openAgentMemory(openStateFolder(path), recordNotices());
  expect(again.claimsLost).toBe(true);
});

test("a journal whose end is more than one edit that was not finished has lost something", async () => {
  for (const [keep, lost] of [[8, false], [0, true]] as const) {
    const { folder, notices } = damagedCopy("document.journal", (file, bytes) => {
      const tail = Buffer.concat([bytes.subarray(4), bytes.subarray(4)]);
      const torn = keep > 0
        ? bytes.subarray(4, 4 + keep)
        : tail.map((byte, at) => at > 20 ? byte ^ 1 : byte);
      writeFileSync(file, Buffer.concat([bytes, torn]));
    });
    expect((await start(folder, notices)).lost !== null).toBe(lost);
  }
});

test("what a power cut left half written is removed", () => {
  const path = tempFolder();
  writeFileSync(join(path, "boot.tmp"), "12");
  mkdirSync(join(path, "rows.json.tmp"));
  const folder = openStateFolder(path);
  expect(readdirSync(path)).toEqual([]);
  folder.writeNow("rows.json", new Uint8Array(1));
});

test("the event log goes on behind any damage", async () => {
  const path = tempFolder();
  for (const text of ["", "garbage", '{"id":1,"time":"', "\0\0\0\0"]) {
    writeFileSync(join(path, "events.log"), text);
    const log = await openEventLog({ folder: path, notices: recordNotices(), wallMs: Date.now });
    log.add({ kind: "vip", level: "info", text: "next", fields: {} });
    await log.close();
    const again = await openEventLog({ folder: path, notices: recordNotices(), wallMs: Date.now });
    const found = await Array.fromAsync(again.read({ limit: null, sinceMs: null, follow: false }));
    expect(found.map(({ text }) => text)).toEqual(["next"]);
    await again.close();
  }
});
