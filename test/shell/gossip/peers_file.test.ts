/** Remembered peers. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { NODES_MAX } from "../../../src/core/limits.ts";
import { type KnownPeer, openPeersFile } from "../../../src/shell/gossip/peers_file.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const peer = (number: number): KnownPeer => ({
  id: number.toString(16).padStart(16, "0"),
  addresses: ["192.0.2.1", "2001:db8::1"],
  port: 6940,
});

describe("openPeersFile", () => {
  test("knows nobody at the first start", () => {
    expect(openPeersFile(openStateFolder(tempFolder())).known()).toEqual([]);
  });

  test("knows after a restart what was remembered last", async () => {
    const folder = openStateFolder(tempFolder());
    const file = openPeersFile(folder);
    file.remember([peer(1)]);
    file.remember([peer(3), peer(2)]);
    await file.settled();
    expect(openPeersFile(folder).known()).toEqual([peer(2), peer(3)]);
  });

  test("writes only when something has changed", async () => {
    let writes = 0;
    const folder = openStateFolder(tempFolder());
    const counting = {
      ...folder,
      write: (n: string, b: Uint8Array) => (writes++, folder.write(n, b)),
    };
    const file = openPeersFile(counting);
    file.remember([peer(1), peer(2)]);
    await file.settled();
    file.remember([peer(2), peer(1)]);
    await file.settled();
    expect(writes).toBe(1);
  });

  test("keeps no more peers than a cluster can have", async () => {
    const folder = openStateFolder(tempFolder());
    const file = openPeersFile(folder);
    file.remember(Array.from({ length: NODES_MAX + 10 }, (_, number) => peer(number)));
    await file.settled();
    expect(openPeersFile(folder).known()).toHaveLength(NODES_MAX);
  });

  const damaged = ["", "{", "[]", '{"format":1,"peers":[{"id":"x"}]}'];
  for (const text of damaged) {
    test(`sets a damaged file aside: ${text}`, () => {
      const path = tempFolder();
      const folder = openStateFolder(path);
      folder.writeNow("peers.json", new TextEncoder().encode(text));
      expect(openPeersFile(folder).known()).toEqual([]);
      expect(readdirSync(path).join()).toStartWith("peers.json.damaged-");
    });
  }

  test("reports a disk that refuses and goes on", async () => {
    const notices = recordNotices();
    const folder = openStateFolder(tempFolder());
    const full = { ...folder, write: () => Promise.reject(new Error("no space")) };
    const file = openPeersFile(full, notices);
    file.remember([peer(1)]);
    await file.settled();
    expect(file.known()).toEqual([peer(1)]);
    expect(notices.all).toMatchObject([{ level: "warn", fields: { problem: "no space" } }]);
  });
});
