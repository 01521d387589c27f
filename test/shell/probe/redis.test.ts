import { describe, expect, test } from "bun:test";
import { LINE_BYTES_MAX } from "../../../src/shell/probe/connection.ts";
import { probeScript, replies, survivesBadServers } from "./bad_servers.ts";

const SECRET = { kind: "redis", user: "ada", password: "sesame" } as const;

describe("probeRedis survives", () => {
  survivesBadServers({ kind: "redis" }, "the answer to PING");
});

const ROLE = { kind: "redis", role: "master" } as const;
const cases: [Parameters<typeof probeScript>[1], (string | null)[], boolean, RegExp][] = [
  [{ kind: "redis" }, ["+PONG\r\n"], true, /^PONG in/],
  [{ kind: "redis" }, ["-NOAUTH no\r\n"], false, /^PING answered "-NOAUTH no"$/],
  [{ kind: "redis" }, ["-LOADING\r\n"], false, /^PING answered "-LOADING"$/],
  [{ kind: "redis" }, ["+PO"], false, /^timed out after 300 ms while waiting for the answer to/],
  [{ kind: "redis" }, ["x".repeat(LINE_BYTES_MAX + 1)], false, /^line longer than/],
  [SECRET, ["+OK\r\n", "+PONG\r\n"], true, /^PONG in/],
  [SECRET, ["-WRONGPASS sesame\r\n"], false, /^AUTH answered "-WRONGPASS …"$/],
  [SECRET, [null], false, /^timed out after 300 ms while waiting for the answer to AUTH$/],
  [SECRET, ["+OK\r\n", null], false, /^timed out .* while waiting for the answer to PING$/],
  [ROLE, ["+PONG\r\n", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"], true, /^PONG of a master in/],
  [ROLE, ["+PONG\r\n", "*5\r\n$5\r\nslave\r\n"], false, /^role is slave, want master$/],
  [ROLE, ["+PONG\r\n", "-NOPERM\r\n"], false, /^ROLE answered "-NOPERM"$/],
  [ROLE, ["+PONG\r\n", "*3\r\n$6\r\n"], false, /^timed out .* the answer to ROLE$/],
];

describe("probeRedis judges", () => {
  test.each(cases)("%j %j", async (options, answers, ok, reason) => {
    const result = await probeScript(replies(answers), options);
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBe(ok);
  });
});
