import { describe, expect, test } from "bun:test";
import type { CheckOf } from "../../../src/core/check.ts";
import { ANSWER_BYTES_MAX, probeChat } from "../../../src/shell/probe/chat.ts";
import { certificates } from "../../support/certificates.ts";
import { type Script, serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

type Steps = CheckOf<"chat">["steps"];

/** Greets in two pieces, answers PING with PONG and anything else with an error. */
const daemon: Script = (socket) => {
  socket.setNoDelay(true);
  socket.write("220 rea");
  setTimeout(() => socket.write("dy\r\n"), 20);
  socket.on("data", (chunk) => {
    socket.write(chunk.toString() === "PING\r\n" ? "+PONG\r\n" : "-ERR what?\r\n");
  });
};

async function chat(script: Script, steps: Steps) {
  using server = await serve(script);
  return await probeChat(targetAt(server.port, { kind: "chat", steps }), talkContext());
}

describe("probeChat", () => {
  const cases: [what: string, steps: Steps, ok: boolean, reason: RegExp][] = [
    [
      "expects, sends and expects",
      [
        { expect: "220 ready\\r\\n", regex: false },
        { send: "PING\\r\\n" },
        { expect: "^\\+PONG", regex: true },
      ],
      true,
      /^3 steps in \d+ ms$/,
    ],
    [
      "expects twice in one answer, in any order",
      [
        { expect: "ready", regex: false },
        { expect: "^220", regex: true },
      ],
      true,
      /^2 steps in/,
    ],
    [
      "tells what came instead",
      [
        { expect: "ready\\r\\n", regex: false },
        { send: "NOOP\\r\\n" },
        { expect: "PONG", regex: false },
      ],
      false,
      /^timed out after 300 ms while waiting for "PONG" \(step 3\), "-ERR what\?\?\?" came$/,
    ],
    [
      "does not find in an answer what an earlier one had",
      [
        { expect: "ready\\r\\n", regex: false },
        { send: "PING\\r\\n" },
        { expect: "ready", regex: false },
      ],
      false,
      /^timed out .* for "ready" \(step 3\), "\+PONG\?\?" came$/,
    ],
    [
      "tells of an expression that cannot be compiled",
      [
        { expect: "a(?=b)", regex: true },
      ],
      false,
      /^"a\(\?=b\)" is not a regular expression/,
    ],
  ];
  test.each(cases)("%s", async (_what, steps, ok, reason) => {
    const result = await chat(daemon, steps);
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBe(ok);
  });

  test("finds bytes that are no text", async () => {
    const steps = [{ expect: "\\xff\\0\\x01", regex: false }];
    const result = await chat((socket) => socket.write(Buffer.of(7, 255, 0, 1)), steps);
    expect(result).toMatchObject({ ok: true });
  });

  test("stops at a bound", async () => {
    const pouring: Script = (socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write("x".repeat(10_000)));
      };
      socket.on("drain", pour);
      pour();
    };
    const result = await chat(pouring, [{ expect: "y", regex: false }]);
    expect(result?.reason).toBe(`${ANSWER_BYTES_MAX} bytes came without "y" (step 1)`);
  });

  test("holds the process no longer than a search may, whatever drips in", async () => {
    const dripping: Script = (socket) => {
      socket.setNoDelay(true);
      socket.write("a".repeat(30_000));
      const drip = setInterval(() => socket.write("a"), 1);
      socket.on("close", () => clearInterval(drip));
    };
    let turns = 0;
    const counter = setInterval(() => turns += 1, 1);
    await chat(dripping, [{ expect: "(a|b)*c", regex: true }]);
    clearInterval(counter);
    expect(turns).toBeGreaterThan(20);
  });

  test("talks over TLS", async () => {
    const { authority, pairs } = await certificates();
    using server = await serve(daemon, { tls: pairs.good! });
    const target = targetAt(server.port, {
      kind: "chat",
      security: "tls",
      serverName: "www.example.org",
      steps: [{ send: "PING\\r\\n" }, { expect: "PONG", regex: false }],
    });
    const result = await probeChat(target, talkContext({ authority }));
    expect(result?.reason).toMatch(/^2 steps in/);
  });
});
