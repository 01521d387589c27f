/** `troop events`: through a real socket, to a real log. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Home, homeIn } from "../../src/core/home.ts";
import type { TroopEvent } from "../../src/core/event.ts";
import { eventText } from "../../src/cli/events.ts";
import { adminApp } from "../../src/http/admin.ts";
import { adminClient } from "../../src/http/admin_client.ts";
import { type Served, serveSocket } from "../../src/http/serve.ts";
import { type EventLog, openEventLog } from "../../src/shell/events/event_log.ts";
import { NO_NOTICES } from "../../src/shell/log/notices.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { FakeWorld } from "./fake_context.ts";

let world: FakeWorld;
let home: Home;
let log: EventLog;
let served: Served;

beforeEach(async () => {
  world = new FakeWorld();
  world.change = { connect: adminClient };
  home = homeIn(tempFolder());
  log = await openEventLog({
    folder: home.folder!,
    notices: NO_NOTICES,
    wallMs: () => Date.UTC(2026, 0, 2, 12, 0, 1, 500),
  });
  world.operations.events = (query) => log.read(query);
  served = await serveSocket(home, adminApp({ operations: world.operations }).fetch);
});

afterEach(async () => {
  await log.close();
  await served.close();
});

function troop(...argv: string[]) {
  return world.call("--home", home.folder!, ...argv);
}

function add(text: string): TroopEvent {
  return log.add({ kind: "server", level: "warn", text, fields: { server: "n2" } });
}

describe("troop events", () => {
  test("prints what happened, aligned", async () => {
    add("server n2 for 192.0.2.100:80 is down: connection refused");
    expect((await troop("events")).out).toBe(
      "TIME (UTC)           ABOUT    WHAT HAPPENED\n" +
        "2026-01-02 12:00:01  server   server n2 for 192.0.2.100:80 is down: connection refused\n",
    );
  });

  test("says when there are none", async () => {
    expect((await troop("events")).out).toBe("no events\n");
    expect((await troop("events", "--json")).out).toBe("");
  });

  test("with --json one object per line, the last so many, or since a time", async () => {
    const events = ["a", "b", "c"].map(add);
    const { out } = await troop("events", "--json", "-n", "2");
    expect(out).toBe(events.slice(1).map((event) => `${JSON.stringify(event)}\n`).join(""));
    expect((await troop("events", "--since", "2026-01-02T12:00:01Z", "--json")).out.split("\n"))
      .toHaveLength(4);
    expect((await troop("events", "--since", "2026-01-02T12:00:02Z")).out).toBe("no events\n");
  });

  test("with --follow goes on until the agent ends", async () => {
    add("before");
    const call = troop("events", "--follow", "--json");
    await Bun.sleep(300);
    const event = add("after");
    await Bun.sleep(100);
    await log.close();
    const { code, out } = await call;
    expect(code).toBe(0);
    expect(out.trim().split("\n").map((line) => JSON.parse(line).text)).toEqual([
      "before",
      "after",
    ]);
    expect(out).toEndWith(`${JSON.stringify(event)}\n`);
  });

  test("refuses what is no time and no number", async () => {
    for (const words of [["--since", "yesterday"], ["-n", "x"], ["-n", "-1"]]) {
      const { code, err } = await troop("events", ...words);
      expect([code, err]).toEqual([2, expect.stringContaining(words.at(-1)!)]);
    }
  });

  test("says in one line that no agent runs", async () => {
    await served.close();
    const { code, err } = await troop("events");
    expect([code, err]).toEqual([1, expect.stringContaining("no agent answers")]);
  });

  test("the agent refuses a query it does not know", async () => {
    const app = adminApp({ operations: world.operations });
    for (const query of ["limit=x", "limit=-1", "follow=maybe", "other=1"]) {
      expect((await app.request(`/admin/v1/events?${query}`)).status).toBe(400);
    }
  });
});

test("a reader who goes away leaves nothing behind", async () => {
  const app = adminApp({ operations: world.operations });
  for (let count = 0; count < 40; count++) {
    const response = await app.request("/admin/v1/events?follow=true");
    expect(response.status).toBe(200);
    const reader = response.body!.getReader();
    if (count % 2 === 0) void reader.read().catch(() => undefined);
    await reader.cancel();
  }
});

test("a long text goes on below itself, in 80 columns", () => {
  const event: TroopEvent = {
    id: 1,
    time: "2026-01-02T12:00:01.500Z",
    kind: "vip",
    level: "info",
    text:
      "192.0.2.100: not held here (epoch 3): n2 holds it with epoch 4, which is higher than ours",
    fields: {},
  };
  const lines = eventText(event, { colour: false, width: 80 }).trimEnd().split("\n");
  expect(lines).toEqual([
    "2026-01-02 12:00:01  vip      192.0.2.100: not held here (epoch 3): n2 holds it",
    "                              with epoch 4, which is higher than ours",
  ]);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
});
