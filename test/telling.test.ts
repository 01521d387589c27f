/**
 * The log, the event log and hooks together: everybody is told, in order, and a hook that fails is told of no more.
 */
import { expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configSchema } from "../src/core/config.ts";
import type { News } from "../src/core/event.ts";
import { homeIn } from "../src/core/home.ts";
import { openTelling, refuseBadHooks } from "../src/telling.ts";
import { recordNotices } from "./support/recorded_notices.ts";
import { tempFolder } from "./support/temp_folder.ts";

function configWith(hooks: readonly object[]) {
  return configSchema.parse({
    cluster: "troop",
    name: "n1",
    interface: "eth0",
    address: "192.0.2.11",
    token: `troop1-${"a".repeat(64)}`,
    hooks,
  });
}

function news(text: string): News {
  return { kind: "vip", level: "info", text, fields: { vip: "192.0.2.100" } };
}

test("everybody is told, in order; a failing hook is in the log and not told of itself", async () => {
  const folder = tempFolder();
  const out = join(folder, "out");
  const logger = { ...recordNotices(), error: () => undefined, trace: () => undefined };
  const closers: (() => unknown)[] = [];
  const home = { ...homeIn(folder), state: folder };
  const config = configWith([
    { name: "file", command: ["/bin/sh", "-c", 'echo "$TROOP_TEXT" >> "$0"', out] },
    { name: "broken", command: ["/bin/sh", "-c", "exit 3"] },
  ]);
  const telling = await openTelling({ home, config, log: { logger } }, closers);
  for (const text of ["a", "b", "c"]) telling.tell(news(text));
  for (const close of closers.reverse()) await close();
  expect(readFileSync(out, "utf8")).toBe("a\nb\nc\n");
  const texts: string[] = [];
  for await (
    const event of telling.events.read({ limit: null, sinceMs: null, follow: false })
  ) texts.push(event.text);
  expect(texts).toEqual(["a", "b", "c", "hook broken: ended with status 3"]);
  expect(logger.messages("info")).toEqual(["a", "b", "c"]);
  expect(logger.messages("warn")).toEqual(["hook broken: ended with status 3"]);
});

test("a hook that cannot work keeps the agent from starting, in one line", () => {
  const file = join(tempFolder(), "mail");
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o644);
  const config = configWith([{ name: "mail", command: [file] }]);
  expect(() => refuseBadHooks(config)).toThrow(
    `start the agent: hook mail: ${file} is not executable; correct \`hooks\` in troop.yaml`,
  );
  chmodSync(file, 0o755);
  refuseBadHooks(config);
});
