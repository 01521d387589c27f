import { describe, expect, test } from "bun:test";
import { probeAgent } from "../../../src/shell/probe/agent.ts";
import { closedPort, type Script, serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

describe("probeAgent hears", () => {
  const cases: [what: string, script: Script, result: object][] = [
    ["a weight", (socket) => socket.end("75%\n"), {
      ok: true,
      reason: expect.stringMatching(/^agent says "75%" in \d+ ms$/),
      advice: { weightPercent: 75, words: "75%" },
    }],
    ["a line without newline", (socket) => socket.end("drain 50%"), {
      ok: true,
      advice: { state: "drain", weightPercent: 50, words: "drain 50%" },
    }],
    ["a line and no close", (socket) => socket.write("up\r\n"), {
      ok: true,
      advice: { state: "up", words: "up" },
    }],
    ["that it is down", (socket) => socket.end("down # disk\x07 full\n"), {
      ok: false,
      reason: expect.stringMatching(/^agent says "down: disk\? full" in/),
      advice: { state: "down", words: "down: disk? full" },
    }],
  ];
  test.each(cases)("%s", async (_what, script, result) => {
    using server = await serve(script);
    const target = targetAt(server.port, { kind: "agent" });
    expect(await probeAgent(target, talkContext())).toMatchObject(result);
  });

  test("what it asked for", async () => {
    using server = await serve((socket) => {
      socket.once(
        "data",
        (chunk) => socket.end(chunk.toString() === "weight?\n" ? "8%\n" : "0%\n"),
      );
    });
    const target = targetAt(server.port, { kind: "agent", send: "weight?\\n" });
    expect(await probeAgent(target, talkContext())).toMatchObject({ advice: { weightPercent: 8 } });
  });

  const silences: [what: string, script: Script][] = [
    ["silence", () => {}],
    ["an empty line", (socket) => socket.end("\n")],
    ["nothing but an end", (socket) => socket.end()],
    ["a reset", (socket) => socket.resetAndDestroy()],
    ["garbage", (socket) => socket.end(Buffer.alloc(500, 0xaa))],
    ["a line without end", (socket) => socket.write("1".repeat(100_000))],
  ];
  test.each(silences)("nothing in %s", async (_what, script) => {
    using server = await serve(script);
    expect(await probeAgent(targetAt(server.port, { kind: "agent" }), talkContext())).toBeNull();
  });

  test("nothing where nobody listens", async () => {
    const target = targetAt(await closedPort(), { kind: "agent" });
    expect(await probeAgent(target, talkContext())).toBeNull();
  });
});
