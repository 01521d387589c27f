import { describe, expect, test } from "bun:test";
import { probeTcp } from "../../../src/shell/probe/tcp.ts";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import { talkContext } from "./talk_context.ts";
import { closedPort, countDescriptors, type Script, serve, targetAt } from "./scripted_server.ts";

function probe(
  target: ProbeTarget,
  signal = new AbortController().signal,
): Promise<ProbeResult | null> {
  return probeTcp(target, talkContext({ signal }));
}

describe("probeTcp is content with a server that accepts and then", () => {
  const scripts: [what: string, script: Script][] = [
    ["says nothing", () => {}],
    ["greets", (socket) => socket.write("220 ready\r\n")],
    ["closes", (socket) => socket.end()],
    ["resets", (socket) => socket.resetAndDestroy()],
  ];
  test.each(scripts)("%s", async (_what, script) => {
    using server = await serve(script);
    const result = await probe(targetAt(server.port, { kind: "tcp" }));
    expect(result).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^connected in \d+ ms$/),
    });
  });
});

test("probeTcp reports a refused connection", async () => {
  const result = await probe(targetAt(await closedPort(), { kind: "tcp" }));
  expect(result).toMatchObject({ ok: false, reason: "connection refused" });
});

test("probeTcp closes in order: a server that greets late reads an end, not a reset", async () => {
  const seen: string[] = [];
  let closed = false;
  using server = await serve((socket) => {
    socket.on("error", (error: NodeJS.ErrnoException) => seen.push(error.code ?? ""));
    socket.on("end", () => {
      seen.push("end");
      socket.write("220 ready\r\n", () => socket.end());
    });
    socket.on("close", () => closed = true);
  }, { halfOpen: true });
  await probe(targetAt(server.port, { kind: "tcp" }));
  while (!closed) await Bun.sleep(1);
  expect(seen).toEqual(["end"]);
});

test("probeTcp leaves no connection behind, even with a server that never closes", async () => {
  using server = await serve(() => {}, { halfOpen: true });
  const before = countDescriptors();
  await Promise.all(
    Array.from({ length: 20 }, () => probe(targetAt(server.port, { kind: "tcp" }))),
  );
  // The server's ends stay open; the probe's must go all the same.
  while (server.open.size < 20 || countDescriptors() > before + 20) await Bun.sleep(10);
});

test("probeTcp aborted says nothing and hangs up", async () => {
  using server = await serve(() => {});
  const controller = new AbortController();
  controller.abort();
  expect(await probe(targetAt(server.port, { kind: "tcp" }), controller.signal)).toBeNull();
  expect(server.open.size).toBe(0);
});
