/** What a log line says, and that a stalled reader of the log holds nobody up. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openLog, readableLine } from "../../../src/shell/log/log.ts";
import { LOG_BUFFER_LENGTH_MAX } from "../../../src/shell/log/log_writer.ts";
import { tempFolder } from "../../support/temp_folder.ts";

/** Logs into a file and returns what is in it. */
async function logged(
  write: (log: ReturnType<typeof openLog>) => void,
  options: { readonly readable?: boolean } = {},
): Promise<string> {
  const path = join(tempFolder(), "log");
  const descriptor = openSync(path, "a");
  try {
    const log = openLog({ level: "info", descriptor, ...options });
    write(log);
    await log.close();
    return readFileSync(path, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

describe("openLog", () => {
  test("writes one JSON line per event, with level in words and ISO time", async () => {
    const text = await logged(({ logger }) => logger.warn({ peer: "n2" }, "lost a pulse"));
    const { time, ...rest } = JSON.parse(text);
    expect(rest).toEqual({ level: "warn", peer: "n2", msg: "lost a pulse" });
    expect(new Date(time).toISOString()).toBe(time);
  });

  test("leaves out what is below its level", async () => {
    expect(await logged(({ logger }) => logger.debug("no"))).toBe("");
  });

  test("keeps the order of many lines, however the writes are cut", async () => {
    const text = await logged(({ logger }) => {
      for (let index = 0; index < 5_000; index++) logger.info({ index, pad: "é".repeat(20) }, "x");
    });
    const seen = text.trimEnd().split("\n").map((line) => JSON.parse(line).index);
    expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => index));
  });

  test("blanks a token wherever it stands", async () => {
    const secret = `troop1-${"a".repeat(64)}`;
    const text = await logged(({ logger }) =>
      logger.info({ token: secret, config: { token: secret } }, "read")
    );
    expect(text).not.toContain("aaaa");
    expect(text).toContain("[secret]");
  });

  test("writes readable lines for a person", async () => {
    const text = await logged(({ logger }) => logger.error({ peer: "n2" }, "boom"), {
      readable: true,
    });
    expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} error boom peer=n2\n$/);
  });
});

test.each([
  [
    "quotes values with spaces",
    { msg: "m", why: "no carrier" },
    `12:00:01.123 info  m why="no carrier"\n`,
  ],
  [
    "adds the error's message",
    { msg: "m", err: { message: "EPERM", stack: "at x" } },
    "12:00:01.123 info  m: EPERM\n",
  ],
  [
    "keeps control characters away from the terminal",
    { msg: "a\u001b[31mb\nc" },
    "12:00:01.123 info  a [31mb c\n",
  ],
])("readableLine %s", (_, fields, line) => {
  const event = { level: "info", time: "2026-01-02T12:00:01.123Z", ...fields };
  expect(readableLine(JSON.stringify(event))).toBe(line);
});

test("a log whose reader stalls and reads on tells how many lines were lost", async () => {
  const pipe = join(tempFolder(), "pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  const descriptor = openSync(pipe, "r+");
  const log = openLog({ level: "info", descriptor });
  for (let line = 0; line < 3_000; line++) log.logger.info({ pad: "x".repeat(1_000) }, "line");
  expect(log.dropped()).toBeGreaterThan(0);
  const reader = Bun.spawn(["timeout", "20", "sh", "-c", `grep -m1 '"log lines lost' <${pipe}`], {
    stdout: "pipe",
  });
  expect(JSON.parse(await new Response(reader.stdout).text()).lost).toBe(log.dropped());
  closeSync(descriptor);
});

test("a log whose reader stalls drops lines, keeps the loop running, and lets the program end", async () => {
  const script = `
    import { openLog } from ${
    JSON.stringify(join(import.meta.dir, "../../../src/shell/log/log.ts"))
  };
    const log = openLog({ level: "info" });
    const pad = "x".repeat(1_000);
    for (let turn = 0; turn < 40; turn++) {
      for (let line = 0; line < 100; line++) log.logger.info({ pad }, "line");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.close();
    console.log(JSON.stringify({ dropped: log.dropped() }));
    process.exit(0);
  `;
  // A pipe that is open at both ends and that nobody reads: it fills, and every write after that waits.
  const pipe = join(tempFolder(), "pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  const descriptor = openSync(pipe, "r+");
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdout: "pipe",
    stderr: descriptor,
    env: { ...process.env, BUN_BE_BUN: "1" },
  });
  const { dropped } = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  // 4,000 lines of a good 1,000 characters, of which the buffer and the pipe took their part.
  expect(dropped).toBeGreaterThan(4_000 - (2 * LOG_BUFFER_LENGTH_MAX) / 1_000);
  expect(dropped).toBeLessThan(4_000);
  closeSync(descriptor);
});
