/** The node's key and boot number across starts. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { nodeIdOf, openIdentity } from "../../../src/shell/files/identity.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { refused } from "../../support/refused.ts";
import { Refusal } from "../../../src/core/refusal.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("openIdentity", () => {
  test("keeps the key across starts, mode 0600", async () => {
    const path = tempFolder();
    const first = await openIdentity(openStateFolder(path));
    const second = await openIdentity(openStateFolder(path));
    expect(second.id).toBe(first.id);
    expect(second.peer).toBe(first.peer);
    expect(second.privateKey.equals(first.privateKey)).toBe(true);
    expect(statSync(join(path, "identity")).mode & 0o777).toBe(0o600);
  });

  test("gives two folders two identities", async () => {
    const a = await openIdentity(openStateFolder(tempFolder()));
    const b = await openIdentity(openStateFolder(tempFolder()));
    expect(a.id).not.toBe(b.id);
  });

  test("derives the id from the public key", async () => {
    const { id, privateKey } = await openIdentity(openStateFolder(tempFolder()));
    const hash = createHash("sha256").update(privateKey.publicKey.raw).digest("hex");
    expect(id).toBe(hash.slice(0, 16));
    expect(nodeIdOf(privateKey.publicKey.raw)).toBe(id);
  });

  test("closes a key that others could read, and says so", async () => {
    const path = tempFolder();
    await openIdentity(openStateFolder(path));
    chmodSync(join(path, "identity"), 0o644);
    const notices = recordNotices();
    await openIdentity(openStateFolder(path), { notices });
    expect(statSync(join(path, "identity")).mode & 0o777).toBe(0o600);
    expect(notices.messages("warn")).toHaveLength(1);
  });

  test("sets a damaged key aside and makes a new one", async () => {
    const path = tempFolder();
    const notices = recordNotices();
    const folder = openStateFolder(path, { notices });
    const before = await openIdentity(folder);
    folder.writeNow("identity", bytes("troop-identity-1 cut of"));
    const after = await openIdentity(folder);
    expect(after.id).not.toBe(before.id);
    expect(readdirSync(path).some((name) => name.startsWith("identity.damaged-"))).toBe(true);
    expect(notices.messages("warn")).toHaveLength(1);
  });
});

describe("boot number", () => {
  const cases = [
    { name: "is the wall clock at the first start", last: null, wallMs: 5_000, boot: 5_000 },
    {
      name: "is the wall clock when that has moved on",
      last: "4000\n",
      wallMs: 5_000,
      boot: 5_000,
    },
    { name: "is one more when the clock stands still", last: "5000\n", wallMs: 5_000, boot: 5_001 },
    { name: "is one more when the clock went back", last: "9000\n", wallMs: 5_000, boot: 9_001 },
    {
      name: "is the wall clock when the file is damaged",
      last: "90x\n",
      wallMs: 5_000,
      boot: 5_000,
    },
    {
      name: "begins anew when nobody could count on from it",
      last: `${2 ** 48}\n`,
      wallMs: 5_000,
      boot: 5_000,
    },
    { name: "never leaves exact integers", last: "9999999999999999\n", wallMs: 5_000, boot: 5_000 },
  ];
  for (const { name, last, wallMs, boot } of cases) {
    test(name, async () => {
      const folder = openStateFolder(tempFolder());
      if (last !== null) folder.writeNow("boot", bytes(last));
      expect((await openIdentity(folder, { wallMs: () => wallMs })).boot).toBe(boot);
      expect(folder.read("boot")).toEqual(bytes(`${boot}\n`));
    });
  }

  test("needs no disk while the clock grows, and is not used else when it cannot be written", async () => {
    const notices = recordNotices();
    const folder = openStateFolder(tempFolder());
    await openIdentity(folder, { wallMs: () => 5_000 });
    const full: StateFolder = {
      ...folder,
      writeNow: () => {
        throw new Refusal({ attempted: "write", problem: "no space", remedy: "make some" });
      },
    };
    expect((await openIdentity(full, { notices, wallMs: () => 6_000 })).boot).toBe(6_000);
    expect(notices.messages("warn")).toEqual([expect.stringContaining("cannot save the boot")]);
    const back = openIdentity(full, { wallMs: () => 4_000 });
    expect((await refused(back)).problem).toBe("no space");
  });
});
