/** What an HTTP check can be told: method, headers, body, statuses. */
import { describe, expect, test } from "bun:test";
import type { CheckOf } from "../../../src/core/check.ts";
import { probeOnce, reply } from "./http_probe.ts";
import { answer, serve, targetAt } from "./scripted_server.ts";

type Options = Partial<Omit<CheckOf<"http">, "kind">>;

describe("probeHttp sends", () => {
  const cases: [what: string, options: Options, parts: RegExp[]][] = [
    ["HEAD", { method: "HEAD" }, [/^HEAD \/ HTTP\/1.1\r\n/]],
    ["OPTIONS", { method: "OPTIONS", path: "/x" }, [/^OPTIONS \/x HTTP\/1.1\r\n/]],
    [
      "POST with a body and its length, escapes and all",
      { method: "POST", body: "a=ö\\r\\n" },
      [/^POST \/ /, /\r\nContent-Length: 6\r\n/i, /\r\n\r\na=ö\r\n$/],
    ],
    [
      "POST without a body",
      { method: "POST" },
      [/\r\nContent-Length: 0\r\n/i, /\r\n\r\n$/],
    ],
    ["no body with GET", { body: "a=b" }, [/\r\n\r\n$/]],
    [
      "headers, one of ours replaced, one twice",
      {
        headers: [
          { name: "user-agent", value: "probe" },
          { name: "X-A", value: "1" },
          { name: "X-A", value: "2" },
        ],
      },
      [/\r\nuser-agent: probe\r\n/i, /\r\nx-a: 1\r\nx-a: 2\r\n/i, /^(?!.*troop)/s],
    ],
  ];
  test.each(cases)("%s", async (_what, options, parts) => {
    using server = await serve(answer(reply("")));
    await probeOnce(targetAt(server.port, { kind: "http", ...options }));
    for (const part of parts) expect(server.received[0]).toMatch(part);
  });
});

describe("probeHttp judges the status by the ranges of the check:", () => {
  const cases: [status: number, ranges: [number, number][], reason: RegExp][] = [
    [301, [[200, 399]], /^301 in/],
    [404, [[200, 299], [404, 404]], /^404 in/],
    [200, [[404, 404]], /^status 200, want 404$/],
    [205, [[200, 204], [300, 399]], /^status 205, want 200-204 or 3xx$/],
    [500, [[200, 599]], /^500 in/],
  ];
  test.each(cases)("%d for %j", async (status, ranges, reason) => {
    using server = await serve(answer(reply("", `HTTP/1.1 ${status} Words`)));
    const result = await probeOnce(targetAt(server.port, { kind: "http", status: ranges }));
    expect(result?.reason).toMatch(reason);
  });

  test("a reply to HEAD has a length and no body", async () => {
    using server = await serve(answer("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"));
    const result = await probeOnce(targetAt(server.port, { kind: "http", method: "HEAD" }));
    expect(result).toMatchObject({ ok: true });
  });
});
