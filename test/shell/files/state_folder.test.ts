/** The state folder on a real disk. */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "../../../src/core/refusal.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { refused } from "../../support/refused.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("openStateFolder", () => {
  test("makes the folder and its parents, closed to others", () => {
    const path = join(tempFolder(), "a", "b");
    openStateFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test("closes a folder that others could read", () => {
    const path = tempFolder();
    chmodSync(path, 0o755);
    openStateFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test("refuses a path that is a file, with the path in the words", () => {
    const path = join(tempFolder(), "file");
    writeFileSync(path, "");
    expect(() => openStateFolder(path)).toThrow(Refusal);
    expect(() => openStateFolder(path)).toThrow(path);
  });
});

describe("read and write", () => {
  test("read gives null for a file that is not there", () => {
    expect(openStateFolder(tempFolder()).read("nothing")).toBeNull();
  });

  test("writeNow and write replace the file, mode 0600, and leave no temporary file", async () => {
    const path = tempFolder();
    const folder = openStateFolder(path);
    folder.writeNow("file", bytes("first, which is longer"));
    expect(folder.read("file")).toEqual(bytes("first, which is longer"));
    await folder.write("file", bytes("second"));
    expect(folder.read("file")).toEqual(bytes("second"));
    expect(statSync(join(path, "file")).mode & 0o777).toBe(0o600);
    expect(readdirSync(path)).toEqual(["file"]);
  });

  test("a leftover temporary file of a write that was cut off does not matter", async () => {
    const path = tempFolder();
    const folder = openStateFolder(path);
    writeFileSync(join(path, "file.tmp"), "half a write that was longer than the next");
    await folder.write("file", bytes("whole"));
    expect(folder.read("file")).toEqual(bytes("whole"));
  });

  test("a disk that refuses is a Refusal, and the old content stays", async () => {
    const path = tempFolder();
    const folder = openStateFolder(path);
    folder.writeNow("file", bytes("old"));
    mkdirSync(join(path, "file.tmp"));
    expect(() => folder.writeNow("file", bytes("new"))).toThrow(Refusal);
    const refusal = await refused(folder.write("file", bytes("new")));
    expect(refusal.attempted).toContain(join(path, "file"));
    expect(folder.read("file")).toEqual(bytes("old"));
  });
});

describe("append", () => {
  test("puts bytes behind those that are there", async () => {
    const folder = openStateFolder(tempFolder());
    await folder.write("file", bytes("one "));
    await folder.append("file", bytes("two "));
    await folder.append("file", bytes("three"));
    expect(folder.read("file")).toEqual(bytes("one two three"));
  });

  test("refuses what is not there or cannot be written, and makes no file", async () => {
    const path = tempFolder();
    const folder = openStateFolder(path);
    expect((await refused(folder.append("file", bytes("x")))).attempted).toContain(
      join(path, "file"),
    );
    expect(readdirSync(path)).toEqual([]);
    mkdirSync(join(path, "folder"));
    await refused(folder.append("folder", bytes("x")));
  });
});

describe("setAside", () => {
  test("keeps the damaged file under another name and says why", () => {
    const path = tempFolder();
    const notices = recordNotices();
    const folder = openStateFolder(path, { notices, wallMs: () => 1234 });
    folder.writeNow("file", bytes("damaged"));
    folder.setAside("file", "not a thing");
    expect(readdirSync(path)).toEqual(["file.damaged-1234"]);
    expect(notices.all).toMatchObject([{ level: "warn", fields: { problem: "not a thing" } }]);
  });

  test("leaves in its place what is of use in part, until it is replaced", async () => {
    const path = tempFolder();
    const folder = openStateFolder(path, { wallMs: () => 1234 });
    folder.writeNow("file", bytes("damaged"));
    folder.keepAside("file", "not a thing");
    expect(folder.wasLost("file")).toBe(true);
    expect(folder.read("file")).toEqual(bytes("damaged"));
    await folder.write("file", bytes("mended"));
    expect(folder.read("file.damaged-1234")).toEqual(bytes("damaged"));
    expect(folder.read("file")).toEqual(bytes("mended"));
  });

  test("keeps the newest four of them", () => {
    const path = tempFolder();
    let wallMs = 1000;
    const folder = openStateFolder(path, { wallMs: () => wallMs++ });
    for (let round = 0; round < 6; round++) {
      folder.writeNow("file", bytes(`${round}`));
      folder.setAside("file", "not a thing");
    }
    expect(readdirSync(path).sort()).toEqual(
      [1002, 1003, 1004, 1005].map((time) => `file.damaged-${time}`),
    );
  });
});

describe("a full disk", () => {
  test("is told in one line, leaves the old content and takes no room itself", async () => {
    const path = tempFolder();
    const folder = openStateFolder(path);
    folder.writeNow("file", bytes("old"));
    const full = () => symlinkSync("/dev/full", join(path, "file.tmp"));
    full();
    expect(() => folder.writeNow("file", bytes("new"))).toThrow("ENOSPC");
    full();
    const { message } = await refused(folder.write("file", bytes("new")));
    expect(message).toContain("ENOSPC");
    expect(message).not.toContain("\n");
    expect(readdirSync(path)).toEqual(["file"]);
    expect(folder.read("file")).toEqual(bytes("old"));
    await folder.write("file", bytes("new"));
    expect(folder.read("file")).toEqual(bytes("new"));
  });
});
