/**
 * What earlier versions left is read: folders written by their own code (see test/fixtures/state/make.ts), each named after
 * its commit.
 */
import { describe, expect, test } from "bun:test";
import { chmodSync, cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openAgentMemory } from "../../../src/shell/files/agent_memory.ts";
import { openDocumentStore } from "../../../src/shell/document/document_store.ts";
import { openEventLog } from "../../../src/shell/events/event_log.ts";
import { openIdentity } from "../../../src/shell/files/identity.ts";
import { openTokenStore } from "../../../src/shell/files/token_store.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { createMemoryNetwork } from "../document/memory_network.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const FIXTURES = join(import.meta.dir, "../../fixtures/state");
const NODE = "00000000000000bb";
const VIP = "192.0.2.240";
/** Those of test/fixtures/state/make.ts. */
const [OLD_TOKEN, NEW_TOKEN] = ["a", "b"].map((digit) => `troop1-${digit.repeat(64)}`) as [
  string,
  string,
];
const WEB = `tcp/${VIP}:80`;

/** Versions, oldest first, and what came with them. */
const versions = [
  {
    version: "0ca526a",
    servers: false,
    drains: false,
    events: false,
    records: false,
    tokens: false,
  },
  { version: "d78517a", servers: true, drains: false, events: false, records: true, tokens: false },
  { version: "6037d83", servers: true, drains: true, events: true, records: true, tokens: false },
  { version: "a0a8b87", servers: true, drains: true, events: true, records: true, tokens: false },
  { version: "e8a609a", servers: true, drains: true, events: true, records: true, tokens: true },
];

function copyOf(version: string) {
  const path = tempFolder();
  cpSync(join(FIXTURES, version), path, { recursive: true });
  // Git knows no such mode.
  chmodSync(join(path, "identity"), 0o600);
  const notices = recordNotices();
  return { path, notices, folder: openStateFolder(path, { notices }) };
}

test("every folder of an earlier version is read", () => {
  const folders = readdirSync(FIXTURES, { withFileTypes: true }).filter((item) =>
    item.isDirectory()
  );
  expect(folders.map(({ name }) => name).sort()).toEqual(
    versions.map(({ version }) => version).sort(),
  );
});

describe.each(versions)(
  "state of $version",
  ({ version, servers, drains, events, records }) => {
    test("the document: every part, and it can be edited further", async () => {
      const { path, folder, notices } = copyOf(version);
      const open = (from = folder) =>
        openDocumentStore({
          folder: from,
          network: createMemoryNetwork().join(NODE),
          onChange: () => {},
          notices,
        });
      const store = open();
      const document = store.current();
      expect(store.lost).toBeNull();
      expect([...document.services.keys()]).toEqual([`tcp/${VIP}:443`, WEB]);
      expect(document.services.get(WEB)).toMatchObject({
        scheduler: "rr",
        check: { kind: "none" },
      });
      expect(document.moves.get(VIP)).toEqual({ vip: VIP, to: NODE, fromEpoch: 2 });
      expect(document.nodes.get(NODE)).toEqual({ name: "n2", left: false });
      if (servers) {
        expect([...document.servers.get(WEB)?.values() ?? []]).toMatchObject([{ weight: 7 }]);
        expect(document.settings.get("sync-ttl")).toBe("7");
        expect(document.vips.get("192.0.2.241")?.group).toBe("front");
      }
      if (drains) expect([...document.drains.values()]).toMatchObject([{ comment: "new disk" }]);
      await store.edit([{ kind: "removeService", key: WEB }]);
      await store.close();
      // What an earlier version would misread it must not take for its own.
      expect(readFileSync(join(path, "document.journal"), "latin1").slice(0, 4)).toBe("TRJ2");
      const again = open(openStateFolder(path));
      expect([...again.current().services.keys()]).toEqual([`tcp/${VIP}:443`]);
      await again.close();
      expect(notices.all).toEqual([]);
    });

    test("who it is, and what the agent remembers", async () => {
      const { folder, notices } = copyOf(version);
      const identity = await openIdentity(folder, { notices, wallMs: () => 5_000 });
      expect(identity.id).toMatch(/^[0-9a-f]{16}$/);
      expect(identity.boot).toBe(1_700_000_000_001);
      const memory = openAgentMemory(folder, notices);
      expect(memory.savedSwitches.entries()).toEqual([["net.ipv4.vs.sync_threshold", "3\t50"]]);
      expect(memory.owned.keys()).toEqual([`tcp/${VIP}:443`, WEB]);
      expect(memory.vips().length).toBeGreaterThan(0);
      expect([...memory.claims()]).toEqual([[VIP, 3]]);
      expect(memory.knownPeers()).toEqual([{ id: NODE, addresses: ["192.0.2.12"], port: 6_940 }]);
      expect(memory.records().map(({ id }) => id)).toEqual(records ? [NODE] : []);
      expect([memory.claimsLost, memory.peersLost]).toEqual([false, false]);
      // Written in the form of today, and read again.
      await memory.owned.delete([WEB]);
      expect(openAgentMemory(folder, notices).owned.keys()).toEqual([`tcp/${VIP}:443`]);
      expect(notices.all).toEqual([]);
    });

    if (!events) return;
    test("its events", async () => {
      const { path, notices } = copyOf(version);
      const log = await openEventLog({ folder: path, notices, wallMs: Date.now });
      const found = await Array.fromAsync(log.read({ limit: null, sinceMs: null, follow: false }));
      expect(found.map(({ text }) => text)).toEqual([`holds ${VIP}`]);
      expect(log.add({ kind: "vip", level: "info", text: "next", fields: {} }).id).toBe(2);
      await log.close();
    });
  },
);

test.each(versions.filter(({ tokens }) => tokens))(
  "tokens of $version, in the middle of a rotation",
  async ({ version }) => {
    const { folder, notices } = copyOf(version);
    const written: string[] = [];
    const store = openTokenStore(folder, {
      configured: OLD_TOKEN,
      writeConfigured: (token) => void written.push(token),
      notices,
    });
    expect(store.sends().token).toBe(NEW_TOKEN);
    expect(store.accepts().map(({ token }) => token)).toEqual([NEW_TOKEN, OLD_TOKEN]);
    expect(store.facts().rotation).toMatchObject({ serial: 1, graceS: 60 });
    await store.retire();
    expect(store.accepts().map(({ token }) => token)).toEqual([NEW_TOKEN]);
    // The node's file follows.
    expect(written).toEqual([NEW_TOKEN]);
  },
);
