import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EPOCH_MAX } from "../../../src/core/limits.ts";
import { openAgentMemory } from "../../../src/shell/files/agent_memory.ts";
import { openStateFolder, type StateFolder } from "../../../src/shell/files/state_folder.ts";
import { eventually } from "../../support/eventually.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { sampleRecord } from "../../support/sample_record.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const VIP = "192.0.2.240";

/** A memory on a real folder, whose writes a test can refuse or hold up. */
function open(path = tempFolder()) {
  const notices = recordNotices();
  const real = openStateFolder(path, { notices });
  const disk = { full: false, writes: [] as string[], gate: Promise.resolve() };
  const refuse = () => {
    if (disk.full) throw new Error("disk full");
  };
  const folder: StateFolder = {
    ...real,
    writeNow(name, bytes) {
      refuse();
      disk.writes.push(name);
      real.writeNow(name, bytes);
    },
    async write(name, bytes) {
      disk.writes.push(name);
      await disk.gate;
      refuse();
      await real.write(name, bytes);
    },
  };
  const onDisk = (name: string) => JSON.parse(readFileSync(join(path, name), "utf8"));
  return { path, disk, notices, onDisk, memory: openAgentMemory(folder, notices) };
}

function everybodyHadATurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("an empty folder has nothing to remember", () => {
  const { memory } = open();
  expect(memory.savedSwitches.entries()).toEqual([]);
  expect(memory.owned.keys()).toEqual([]);
  expect(memory.claims().size).toBe(0);
  expect(memory.records()).toEqual([]);
});

describe("switches", () => {
  test("are on disk when save resolves, and the first value counts", async () => {
    const { memory, onDisk, path } = open();
    const saving = memory.savedSwitches.save([["net.ipv4.vs.sync_threshold", "3\t50"]]);
    expect(memory.savedSwitches.has("net.ipv4.vs.sync_threshold")).toBe(false);
    await saving;
    expect(memory.savedSwitches.has("net.ipv4.vs.sync_threshold")).toBe(true);
    await memory.savedSwitches.save([["net.ipv4.vs.sync_threshold", "1\t0"]]);
    expect(onDisk("switches.json")).toEqual({
      format: 1,
      switches: { "net.ipv4.vs.sync_threshold": "3\t50" },
    });
    expect(open(path).memory.savedSwitches.entries())
      .toEqual([["net.ipv4.vs.sync_threshold", "3\t50"]]);
  });

  test("that the disk refused are not remembered: the next attempt writes them", async () => {
    const { memory, disk, onDisk } = open();
    disk.full = true;
    await expect(memory.savedSwitches.save([["a", "1"]])).rejects.toThrow("disk full");
    expect(memory.savedSwitches.entries()).toEqual([]);
    disk.full = false;
    await memory.savedSwitches.save([["a", "1"]]);
    expect(onDisk("switches.json").switches).toEqual({ a: "1" });
  });

  test("are forgotten by clear", async () => {
    const { memory, path } = open();
    await memory.savedSwitches.save([["a", "1"]]);
    await memory.savedSwitches.clear();
    expect(open(path).memory.savedSwitches.entries()).toEqual([]);
  });
});

describe("timeouts", () => {
  const timeouts = { tcpS: 900, tcpFinS: 120, udpS: 300 };

  test("are on disk when set resolves, until they are put back", async () => {
    const { memory, path } = open();
    await memory.savedTimeouts.set(timeouts);
    const later = open(path).memory.savedTimeouts;
    expect(later.get()).toEqual(timeouts);
    await later.set(null);
    expect(open(path).memory.savedTimeouts.get()).toBeNull();
  });

  test("that the disk refused are not remembered", async () => {
    const { memory, disk } = open();
    disk.full = true;
    await expect(memory.savedTimeouts.set(timeouts)).rejects.toThrow("disk full");
    expect(memory.savedTimeouts.get()).toBeNull();
  });
});

describe("rows", () => {
  test("are on disk when add resolves", async () => {
    const { memory, onDisk, path } = open();
    await memory.owned.add(["tcp/a", "tcp/b"]);
    expect(onDisk("rows.json").rows).toEqual(["tcp/a", "tcp/b"]);
    await memory.owned.delete(["tcp/a"]);
    expect(onDisk("rows.json").rows).toEqual(["tcp/b"]);
    const { owned } = open(path).memory;
    expect([owned.has("tcp/a"), owned.has("tcp/b"), owned.keys()]).toEqual([
      false,
      true,
      ["tcp/b"],
    ]);
  });

  test("that are known already cost no write", async () => {
    const { memory, disk } = open();
    await memory.owned.add(["tcp/a"]);
    disk.writes.length = 0;
    await memory.owned.add(["tcp/a"]);
    await memory.owned.delete(["tcp/x"]);
    expect(disk.writes).toEqual([]);
  });

  test("asked for at once are written in turn, and nobody is told too early", async () => {
    const { memory, disk, onDisk } = open();
    const gate = Promise.withResolvers<void>();
    disk.gate = gate.promise;
    const told: string[] = [];
    const asked = [
      memory.owned.add(["tcp/a"]).then(() => told.push("a")),
      memory.owned.add(["tcp/b"]).then(() => told.push("b")),
    ];
    await everybodyHadATurn();
    // What came while the first was being written waits for the second, and so does who asks again.
    asked.push(memory.owned.add(["tcp/c"]).then(() => told.push("c")));
    asked.push(memory.owned.add(["tcp/c"]).then(() => told.push("c again")));
    await everybodyHadATurn();
    expect(told).toEqual([]);
    expect(disk.writes).toHaveLength(1);
    gate.resolve();
    await Promise.all(asked);
    expect(told).toEqual(["a", "b", "c", "c again"]);
    expect(disk.writes).toHaveLength(2);
    expect(onDisk("rows.json").rows).toEqual(["tcp/a", "tcp/b", "tcp/c"]);
  });

  test("that the disk refused are written by the next attempt, though they are known", async () => {
    const { memory, disk, onDisk } = open();
    disk.full = true;
    expect(await memory.owned.add(["tcp/a"]).catch((error) => error.message)).toBe("disk full");
    expect(await memory.owned.add([]).catch((error) => error.message)).toBe("disk full");
    disk.full = false;
    await memory.owned.add([]);
    expect(onDisk("rows.json").rows).toEqual(["tcp/a"]);
  });
});

describe("claims and records", () => {
  test("are there after a restart", async () => {
    const { memory, path, onDisk } = open();
    memory.saveClaims(new Map([[VIP, 7]]), new Map());
    const record = sampleRecord();
    memory.saveRecords([record]);
    await eventually("both are written", () => {
      try {
        return onDisk("claims.json") !== null && onDisk("records.json") !== null;
      } catch {
        return false;
      }
    });
    const again = open(path).memory;
    expect([...again.claims()]).toEqual([[VIP, 7]]);
    expect(again.records()).toEqual([record]);
  });

  test("are written behind, the newest only", async () => {
    const { memory, disk, onDisk } = open();
    const gate = Promise.withResolvers<void>();
    disk.gate = gate.promise;
    for (let epoch = 1; epoch <= 50; epoch++) memory.saveClaims(new Map([[VIP, epoch]]), new Map());
    gate.resolve();
    await eventually("the last is on disk", () => {
      try {
        return onDisk("claims.json").held[VIP] === 50;
      } catch {
        return false;
      }
    });
    expect(disk.writes).toEqual(["claims.json", "claims.json"]);
  });

  test("that the disk refuses are told, and the next ones are written", async () => {
    const { memory, disk, notices, onDisk } = open();
    disk.full = true;
    memory.saveClaims(new Map([[VIP, 1]]), new Map());
    await eventually("it is told", () => notices.messages("warn").length > 0);
    expect(notices.messages("warn")).toEqual(["cannot write claims.json"]);
    disk.full = false;
    memory.saveClaims(new Map([[VIP, 2]]), new Map());
    await eventually("it is written", () => {
      try {
        return onDisk("claims.json").held[VIP] === 2;
      } catch {
        return false;
      }
    });
  });
});

describe("a damaged file", () => {
  const damaged: [name: string, text: string, problem: RegExp][] = [
    ["switches.json", "{", /JSON/],
    ["switches.json", '{"a": 1}', /expected string/],
    ["rows.json", '{"a": "b"}', /expected array/],
    ["claims.json", `{"${VIP}": ${EPOCH_MAX + 1}}`, /<=/],
    ["records.json", '[{"id": "x"}]', /expected/],
    // Put back, it would be cut to 32 bits: one second.
    [
      "timeouts.json",
      `{"format": 1, "timeouts": {"tcpS": ${2 ** 32 + 1}, "tcpFinS": 120, "udpS": 300}}`,
      /<=/,
    ],
  ];
  test.each(damaged)(
    "%s with %j is set aside and told; the rest is read",
    (name, text, problem) => {
      const path = tempFolder();
      writeFileSync(join(path, "rows.json"), '["tcp/kept"]');
      writeFileSync(join(path, name), text);
      const { memory, notices } = open(path);
      expect(memory.savedSwitches.entries()).toEqual([]);
      expect(memory.savedTimeouts.get()).toBeNull();
      expect(memory.claims().size).toBe(0);
      expect(memory.records()).toEqual([]);
      expect(memory.owned.keys()).toEqual(name === "rows.json" ? [] : ["tcp/kept"]);
      expect(notices.messages("warn")).toEqual([
        expect.stringContaining(`the state file ${name} is damaged`),
      ]);
      expect(notices.all[0]?.fields["problem"]).toMatch(problem);
      expect(notices.all[0]?.fields["file"]).toBe(join(path, name));
    },
  );
});
