/**
 * The event log on a real disk: over restarts, torn lines, full files and full disks.
 */
import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EventQuery, TroopEvent } from "../../../src/core/event.ts";
import { EVENT_FILES } from "../../../src/shell/events/event_files.ts";
import { type EventLog, FOLLOWERS_MAX, openEventLog } from "../../../src/shell/events/event_log.ts";
import { eventually } from "../../support/eventually.ts";
import { recordNotices } from "../../support/recorded_notices.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const ALL = { limit: null, sinceMs: null, follow: false };

class Bench {
  readonly folder = tempFolder();
  readonly notices = recordNotices();
  nowMs = Date.UTC(2026, 0, 2);

  open(fileBytes?: number): Promise<EventLog> {
    return openEventLog({
      folder: this.folder,
      notices: this.notices,
      wallMs: () => this.nowMs,
      ...(fileBytes === undefined ? {} : { fileBytes }),
    });
  }

  get file(): string {
    return join(this.folder, "events.log");
  }
}

function add(log: EventLog, text: string): TroopEvent {
  return log.add({ kind: "node", level: "info", text, fields: { node: "n2" } });
}

async function texts(log: EventLog, query: Partial<EventQuery> = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { text } of log.read({ ...ALL, ...query })) found.push(text);
  return found;
}

describe("the event log", () => {
  test("numbers events, in order, over restarts", async () => {
    const bench = new Bench();
    const first = await bench.open();
    expect([add(first, "a").id, add(first, "b").id]).toEqual([1, 2]);
    await first.close();
    const second = await bench.open();
    expect(add(second, "c").id).toBe(3);
    // What is not on disk yet is read too, once.
    expect(await texts(second)).toEqual(["a", "b", "c"]);
    await second.close();
    expect(statSync(bench.file).mode & 0o777).toBe(0o600);
  });

  test("reads the last so many, and those since a time", async () => {
    const bench = new Bench();
    const log = await bench.open();
    for (const text of ["a", "b", "c"]) {
      add(log, text);
      bench.nowMs += 1_000;
    }
    expect(await texts(log, { limit: 2 })).toEqual(["b", "c"]);
    expect(await texts(log, { limit: 0 })).toEqual([]);
    expect(await texts(log, { sinceMs: bench.nowMs - 2_000 })).toEqual(["b", "c"]);
    await log.close();
  });

  test("goes on behind a line that a power cut tore, which is left out", async () => {
    const bench = new Bench();
    const log = await bench.open();
    add(log, "a");
    await log.close();
    appendFileSync(bench.file, '{"id":2,"time":"20');
    const again = await bench.open();
    expect(add(again, "b").id).toBe(2);
    await again.close();
    const last = await bench.open();
    expect(await texts(last)).toEqual(["a", "b"]);
    await last.close();
  });

  test("keeps a few files of a bounded size, the newest events in them", async () => {
    const bench = new Bench();
    const log = await bench.open(1_000);
    for (let index = 0; index < 100; index++) {
      add(log, `event ${index}`);
      if (index % 5 === 0) await Bun.sleep(5);
    }
    await log.close();
    const files = readdirSync(bench.folder).filter((name) => name.startsWith("events.log"));
    expect(files).toHaveLength(EVENT_FILES);
    for (const name of files) expect(statSync(join(bench.folder, name)).size).toBeLessThan(2_000);
    const again = await bench.open(1_000);
    const kept = await texts(again);
    expect(kept.at(-1)).toBe("event 99");
    expect(kept.length).toBeGreaterThan(10);
    expect(kept).toEqual(kept.toSorted((a, b) => Number(a.slice(6)) - Number(b.slice(6))));
    expect(add(again, "next").id).toBe(101);
    await again.close();
  });

  test("a disk that refuses is told once, and costs nothing but the file", async () => {
    const bench = new Bench();
    // A folder in the file's place cannot be written, not even by root.
    mkdirSync(bench.file);
    const log = await bench.open();
    add(log, "a");
    add(log, "b");
    const told = () =>
      bench.notices.messages("warn").filter((text) => text.includes("write the event"));
    await eventually("it is told", () => told().length > 0);
    add(log, "c");
    expect(await texts(log)).toEqual(["a", "b", "c"]);
    rmSync(bench.file, { recursive: true });
    await log.close();
    expect(told()).toHaveLength(1);
    expect(readFileSync(bench.file, "utf8").trim().split("\n")).toHaveLength(3);
  });

  test("what is no event is left out: files are not trusted", async () => {
    const bench = new Bench();
    writeFileSync(bench.file, `nonsense\n{"id":"x"}\n\0\n`);
    const log = await bench.open();
    expect(add(log, "x".repeat(2_000)).text.length).toBeLessThan(1_000);
    expect((await texts(log)).length).toBe(1);
    await log.close();
  });
});

describe("a reader who follows", () => {
  test("gets what was and what comes, until the log closes", async () => {
    const log = await new Bench().open();
    add(log, "before");
    const found = texts(log, { follow: true });
    await Bun.sleep(20);
    add(log, "after");
    await Bun.sleep(20);
    await log.close();
    expect(await found).toEqual(["before", "after"]);
  });

  test("leaves at once, whether anything happens or not", async () => {
    const log = await new Bench().open();
    for (let round = 0; round < 3 * FOLLOWERS_MAX; round++) {
      const reader = log.read({ ...ALL, follow: true });
      if (round % 2 === 0) void reader.next();
      await reader.return?.();
    }
    await log.close();
  });

  test("is refused when too many are there already", async () => {
    const log = await new Bench().open();
    for (let count = 0; count < FOLLOWERS_MAX; count++) log.read({ ...ALL, follow: true });
    expect(() => log.read({ ...ALL, follow: true })).toThrow("16 readers follow already");
    await log.close();
  });
});
