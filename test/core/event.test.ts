import { expect, test } from "bun:test";
import { parseEventLine } from "../../src/core/event.ts";
import { hookEnvironment, hookEvents, hookSchema } from "../../src/core/hook.ts";

const EVENT = {
  id: 7,
  time: "2026-01-02T12:00:01.000Z",
  kind: "server",
  level: "warn",
  text: "server n1 for 10.0.0.100:80 is down: connection refused",
  fields: { server: "n1", service: "10.0.0.100:80", up: false },
} as const;

test("a line of the log is an event, or nothing", () => {
  const line = JSON.stringify(EVENT);
  expect(parseEventLine(line)).toEqual(EVENT);
  for (const bad of ["", line.slice(0, -1), "null", "[]", JSON.stringify({ ...EVENT, id: 0 })]) {
    expect(parseEventLine(bad)).toBeNull();
  }
});

test("a program finds all of an event in its environment", () => {
  const message = { ...EVENT, fields: { ...EVENT.fields, odd: "a\0b" } };
  expect(hookEnvironment({ ...message, cluster: "c", node: "n2", dropped: 3 })).toEqual({
    TROOP_ID: "7",
    TROOP_TIME: EVENT.time,
    TROOP_EVENT: "server",
    TROOP_LEVEL: "warn",
    TROOP_TEXT: EVENT.text,
    TROOP_CLUSTER: "c",
    TROOP_NODE: "n2",
    TROOP_SELF: "n2",
    TROOP_DROPPED: "3",
    TROOP_SERVER: "n1",
    TROOP_SERVICE: "10.0.0.100:80",
    TROOP_UP: "false",
    TROOP_ODD: "ab",
  });
});

test("a hook has a command or a webhook, and is told of everything but hooks unless it says", () => {
  expect(hookSchema.parse({ name: "m", command: ["/bin/true", "x"] }))
    .toEqual({
      name: "m",
      command: ["/bin/true", "x"],
      events: [...hookEvents],
      timeoutMs: 10_000,
    });
  expect(hookEvents).not.toContain("hook" as never);
  for (
    const bad of [
      {},
      { command: ["/bin/true"], webhook: "http://h/" },
      { command: [] },
      { command: ["true"] },
      { webhook: "ftp://h/" },
      { webhook: "h" },
      { command: ["/bin/true"], events: ["hook"] },
      { command: ["/bin/true"], events: [] },
      { command: ["/bin/true"], timeoutMs: 99 },
      { command: ["/bin/true"], shell: true },
    ]
  ) expect(hookSchema.safeParse({ name: "m", ...bad }).success).toBe(false);
});
