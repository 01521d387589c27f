/** Conversations of probes: reading within bounds, TLS begun later, and the way a check asks to connect. */
import { describe, expect, test } from "bun:test";
import { TLSSocket } from "node:tls";
import type { CheckOf } from "../../../src/core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import {
  type Connection,
  CONVERSATION_BYTES_MAX,
  converse,
  LINE_BYTES_MAX,
} from "../../../src/shell/probe/connection.ts";
import { certificates } from "../../support/certificates.ts";
import { closedPort, countDescriptors, type Script, serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

const DAY_MS = 86_400_000;

/** Greets, and answers every line with the same word and the line in upper case. */
const shouting: Script = (socket) => {
  socket.write("220 ready\r\n");
  socket.on("data", (chunk) => socket.write(`OK ${chunk.toString().trim().toUpperCase()}\n`));
};

async function greetAndAsk(connection: Connection): Promise<string> {
  const greeting = await connection.line("the greeting");
  connection.write("hello\r\n");
  return `${greeting} and ${await connection.line("the answer")}`;
}

function talk(
  target: ProbeTarget,
  options: Parameters<typeof talkContext>[0] = {},
  script: (connection: Connection) => Promise<string> = greetAndAsk,
): Promise<ProbeResult | null> {
  return converse(target, talkContext(options), script);
}

describe("converse", () => {
  test("reads lines and writes", async () => {
    using server = await serve(shouting);
    const result = await talk(targetAt(server.port, { kind: "tcp" }));
    expect(result).toEqual({
      ok: true,
      reason: expect.stringMatching(/^220 ready and OK HELLO in \d+ ms$/),
      tookMs: expect.any(Number),
    });
  });

  const failures: [what: string, script: Script, reason: string | RegExp][] = [
    ["silence", () => {}, "timed out after 300 ms while waiting for the greeting"],
    ["an end", (socket) => socket.end("22"), "connection closed while waiting for the greeting"],
    [
      "a reset",
      (socket) => setTimeout(() => socket.resetAndDestroy(), 20),
      "connection reset while waiting for the greeting",
    ],
    ["half a line", (socket) => socket.write("220 rea"), /^timed out after 300 ms/],
    [
      "a line without end",
      (socket) => socket.write("x".repeat(LINE_BYTES_MAX + 1)),
      `line longer than ${LINE_BYTES_MAX} bytes while waiting for the greeting`,
    ],
    [
      "one line and silence",
      (socket) => socket.write("220 ready\n"),
      "timed out after 300 ms while waiting for the answer",
    ],
    [
      "a line that drips",
      (socket) => {
        const drip = setInterval(() => socket.write("x"), 10);
        socket.on("close", () => clearInterval(drip));
      },
      "timed out after 300 ms while waiting for the greeting",
    ],
  ];
  test.each(failures)("tells of %s", async (_what, script, reason) => {
    using server = await serve(script);
    const result = await talk(targetAt(server.port, { kind: "tcp" }));
    expect(result).toMatchObject({
      ok: false,
      reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
    });
    while (server.open.size > 0) await Bun.sleep(1);
  });

  test("reads no more than its limit", async () => {
    using server = await serve((socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write("line\n".repeat(10_000)));
      };
      socket.on("drain", pour);
      pour();
    });
    const target = targetAt(server.port, { kind: "tcp", timeoutMs: 5_000 });
    const result = await talk(target, {}, async (connection) => {
      for (;;) await connection.line("the end");
    });
    expect(result?.reason).toBe(
      `sent more than ${CONVERSATION_BYTES_MAX} bytes while waiting for the end`,
    );
  });

  test("refused, it says so", async () => {
    const result = await talk(targetAt(await closedPort(), { kind: "tcp" }));
    expect(result).toMatchObject({ ok: false, reason: "connection refused" });
  });

  test("aborted, it says nothing and hangs up", async () => {
    using server = await serve(() => {});
    const controller = new AbortController();
    const pending = talk(targetAt(server.port, { kind: "tcp", timeoutMs: 60_000 }), {
      signal: controller.signal,
    });
    while (server.open.size === 0) await Bun.sleep(1);
    controller.abort();
    expect(await pending).toBeNull();
    while (server.open.size > 0) await Bun.sleep(1);
  });
});

describe("converse connects", () => {
  test("from an address of this node", async () => {
    let peer: string | undefined;
    using server = await serve((socket) => {
      peer = socket.remoteAddress;
      shouting(socket);
    });
    const result = await talk(targetAt(server.port, { kind: "tcp", source: "127.0.0.9" }));
    expect(result).toMatchObject({ ok: true });
    expect(peer).toBe("127.0.0.9");
  });

  const refusals: [what: string, options: Partial<CheckOf<"tcp">>, reason: string][] = [
    [
      "from an address that is not here",
      { source: "192.0.2.77" },
      "cannot ask from 192.0.2.77: not an address of this node",
    ],
    [
      "from an address of the other family",
      { source: "::1" },
      "cannot ask 127.0.0.1 from ::1: one is IPv4, the other IPv6",
    ],
    [
      "through an interface that is not here",
      { device: "troop-none" },
      "cannot ask through troop-none: no such interface on this node",
    ],
    [
      "through an interface, from an address that is not here",
      { device: "lo", source: "192.0.2.77" },
      "cannot ask from 192.0.2.77: not an address of this node",
    ],
  ];
  test.each(refusals)("not %s", async (_what, options, reason) => {
    using server = await serve(shouting);
    const result = await talk(targetAt(server.port, { kind: "tcp", ...options }));
    expect(result).toMatchObject({ ok: false, reason });
  });

  test.each(["127.0.0.1", "::1"])("through an interface, to %s", async (address) => {
    using server = await serve(shouting, { host: address });
    const target = targetAt(server.port, { kind: "tcp", device: "lo" });
    const before = countDescriptors();
    const result = await talk({ ...target, address });
    expect(result).toMatchObject({ ok: true, reason: expect.stringMatching(/HELLO in/) });
    while (countDescriptors() > before) await Bun.sleep(5);
    const closed = await talk({ ...target, address, port: await closedPort() });
    expect(closed).toMatchObject({ ok: false, reason: "connection refused" });
    while (countDescriptors() > before) await Bun.sleep(5);
  });
});

describe("converse with TLS", () => {
  test("from the first byte", async () => {
    const { authority, pairs } = await certificates();
    using server = await serve(shouting, { tls: pairs.good! });
    const target = targetAt(server.port, {
      kind: "chat",
      security: "tls",
      serverName: "www.example.org",
      steps: [{ send: "x" }],
      warnDays: 0,
    });
    const result = await talk(target, { authority });
    expect(result?.reason).toMatch(/^220 ready and OK HELLO in \d+ ms$/);
  });

  const starttls: [what: string, answer: string, reason: RegExp][] = [
    ["begun later", "220 go\r\n", /^HELLO over TLSv1.3 in \d+ ms; certificate ends in 1 day$/],
    [
      "not begun when plain text follows the answer",
      "220 go\r\n250 injected\r\n",
      /^sent plain text where the TLS handshake must begin$/,
    ],
  ];
  test.each(starttls)("%s", async (_what, go, reason) => {
    const { authority, pairs } = await certificates();
    using server = await serve((socket) => {
      socket.write("220 ready\r\n");
      socket.once("data", () =>
        socket.write(go, () => {
          const secured = new TLSSocket(socket, { isServer: true, ...pairs.good! });
          secured.on("error", () => {});
          secured.on("data", (chunk) => secured.end(chunk.toString().toUpperCase()));
        }));
    });
    const target = targetAt(server.port, {
      kind: "smtp",
      security: "starttls",
      serverName: "www.example.org",
    });
    const nowMs = Date.now() - DAY_MS / 2;
    const result = await talk(target, { authority, nowMs }, async (connection) => {
      await connection.line("the greeting");
      connection.write("STARTTLS\r\n");
      await connection.line("the answer to STARTTLS");
      await connection.startTls();
      connection.write("hello\n");
      const answer = await connection.line("the answer");
      return `${answer} over ${(connection.socket as TLSSocket).getProtocol()}`;
    });
    expect(result?.reason).toMatch(reason);
  });
});
