import { expect, test } from "bun:test";
import { probeFile } from "../../../src/shell/probe/file.ts";
import { targetAt } from "./scripted_server.ts";

const context = {
  clock: { now: () => performance.now(), wallMs: () => Date.now() },
  signal: new AbortController().signal,
};

test.each(
  [
    ["/etc/passwd", "present", true, /^\/etc\/passwd is present in \d+ ms$/],
    ["/etc/passwd", "absent", false, /^\/etc\/passwd is present$/],
    ["/no/such", "absent", true, /^\/no\/such is absent in/],
    ["/etc/passwd/x", "present", false, /^\/etc\/passwd\/x is absent$/],
    [`/${"x".repeat(300)}`, "absent", false, /: ENAMETOOLONG$/],
  ] as const,
)("probeFile looks for %s, which should be %s", async (path, when, ok, reason) => {
  const result = await probeFile(targetAt(1, { kind: "file", path, when }), context);
  expect(result).toMatchObject({ ok, reason: expect.stringMatching(reason) });
});

test("probeFile looks at no file on behalf of another machine", async () => {
  const subject = {
    service: "tcp/192.0.2.1:80",
    vip: "192.0.2.1",
    vipPort: 80,
    node: null,
    kind: "server",
  } as const;
  const target = { ...targetAt(1, { kind: "file", path: "/etc/passwd" }), subject };
  expect(await probeFile(target, context)).toMatchObject({
    ok: false,
    reason: "cannot look for a file on a server without an agent: use another check",
  });
});
