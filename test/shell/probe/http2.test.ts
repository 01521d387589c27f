/** HTTP/2: by prior knowledge and by ALPN, well and broken. */
import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import * as http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { REPLY_BYTES_MAX } from "../../../src/shell/probe/http_judgement.ts";
import { certificates } from "../../support/certificates.ts";
import { probeOnce, reply } from "./http_probe.ts";
import { answer, closedPort, countDescriptors, serve, targetAt } from "./scripted_server.ts";

type Answer = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

interface Http2Server extends AsyncDisposable {
  readonly port: number;
}

/** A server of the runtime's own, which answers every request with the same script. */
async function serveHttp2(
  script: Answer,
  tls?: http2.SecureServerOptions,
): Promise<Http2Server> {
  const server = tls === undefined ? http2.createServer() : http2.createSecureServer(tls);
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    script(stream as http2.ServerHttp2Stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await Bun.sleep(0);
    },
  };
}

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 };
const END_STREAM = 1;
const END_HEADERS = 4;

/** One frame (RFC 9113, 4.1). */
function frame(type: keyof typeof FRAME, flags: number, stream: number, payload: Uint8Array) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = FRAME[type];
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const SETTINGS = frame("settings", 0, 0, Buffer.alloc(0));
/** `:status: 200`, entry 8 of HPACK's static table (RFC 7541, appendix A). */
const STATUS_200 = Buffer.of(0x88);
const HEAD = Buffer.concat([SETTINGS, frame("headers", END_HEADERS, 1, STATUS_200)]);
const PAGE = Buffer.from("Test Page");

/** Sends the frames once a request has come, then does the rest. */
function frames(parts: Uint8Array[], rest: (socket: Socket) => void = () => {}) {
  return (socket: Socket): void => {
    socket.once("data", () => {
      socket.write(Buffer.concat(parts));
      setTimeout(() => rest(socket), 20);
    });
  };
}

/** Sends the frames once a request has come, then the block again and again. */
function framesForEver(parts: Uint8Array[], block: Uint8Array) {
  return frames(parts, (socket) => {
    const pour = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", pour);
    pour();
  });
}

describe("probeHttp over HTTP/2", () => {
  test("asks for a page with all that it was told", async () => {
    let seen: http2.IncomingHttpHeaders = {};
    let body = "";
    await using server = await serveHttp2((stream, headers) => {
      seen = headers;
      stream.on("data", (chunk) => body += chunk);
      stream.on("end", () => {
        stream.respond({ ":status": 200 });
        stream.end("a Test Page");
      });
    });
    const target = targetAt(server.port, {
      kind: "http",
      version: "2",
      method: "POST",
      path: "/ä",
      host: "www.example.org",
      body: "a=b",
      headers: [{ name: "X-A", value: "1" }, { name: "Upgrade", value: "no" }],
      expect: "Test P.ge",
      timeoutMs: 2_000,
    });
    expect(await probeOnce(target)).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^200 in/),
    });
    expect(seen).toMatchObject({
      ":method": "POST",
      ":path": "/%C3%A4",
      ":scheme": "http",
      ":authority": `www.example.org:${server.port}`,
      "x-a": "1",
      "user-agent": "troop (health check)",
    });
    expect(seen).not.toHaveProperty("upgrade");
    expect(body).toBe("a=b");
  });

  const cases: [what: string, script: Answer, ok: boolean, reason: RegExp][] = [
    [
      "a wrong status",
      (stream) => {
        stream.respond({ ":status": 503 });
        stream.end();
      },
      false,
      /^status 503, want 2xx$/,
    ],
    [
      "a wrong body",
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.end("It works!");
      },
      false,
      /^body lacks \/Test Page\/$/,
    ],
    ["silence", () => {}, false, /^timed out after 300 ms while waiting for the headers$/],
    [
      "a body that stalls",
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("Test Page");
      },
      false,
      /^timed out after 300 ms while waiting for the body$/,
    ],
    [
      "a body without end",
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.write(Buffer.alloc(2 * REPLY_BYTES_MAX, "Test Page"));
      },
      true,
      RegExp(`^200 and more than ${REPLY_BYTES_MAX} bytes`),
    ],
  ];
  test.each(cases)("tells of %s", async (what, script, ok, reason) => {
    await using server = await serveHttp2(script);
    const before = countDescriptors();
    const timeoutMs = what === "a body without end" ? 5_000 : 300;
    const target = targetAt(server.port, {
      kind: "http",
      version: "2",
      expect: "Test Page",
      timeoutMs,
    });
    const result = await probeOnce(target);
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBe(ok);
    while (countDescriptors() > before) await Bun.sleep(5);
  });

  test("takes a whole page for one", async () => {
    const data = frame("data", END_STREAM, 1, PAGE);
    using server = await serve(frames([HEAD, data], (socket) => socket.end()));
    const target = targetAt(server.port, { kind: "http", version: "2", expect: "Test Page" });
    expect(await probeOnce(target)).toMatchObject({ ok: true });
  });

  test("tells of a refused connection", async () => {
    const target = targetAt(await closedPort(), { kind: "http", version: "2" });
    expect(await probeOnce(target)).toMatchObject({ ok: false, reason: "connection refused" });
  });

  const raw: [what: string, script: (socket: Socket) => void, reason: RegExp][] = [
    ["HTTP/1.1", answer(reply("hello")), /^HTTP\/2 failed: /],
    ["garbage", (socket) => socket.write(Buffer.alloc(500, 0x55)), /^HTTP\/2 failed: /],
    ["a close before the headers", (socket) => socket.end(), /^connection closed while waiting/],
    [
      "a stream that is refused",
      frames([SETTINGS, frame("reset", 0, 1, Buffer.of(0, 0, 0, 7))]),
      /^HTTP\/2 failed: .*REFUSED_STREAM/,
    ],
    [
      "a body cut short by a close",
      frames([HEAD, frame("data", 0, 1, PAGE)], (socket) => socket.end()),
      /^connection closed before the end of the body$/,
    ],
    [
      "a body cut short by a reset",
      frames([HEAD, frame("data", 0, 1, PAGE)], (socket) => socket.resetAndDestroy()),
      /^connection reset while waiting for the body$/,
    ],
    [
      "a body cut short by the end of its stream",
      frames([HEAD, frame("data", 0, 1, PAGE), frame("reset", 0, 1, Buffer.alloc(4))]),
      /^connection closed before the end of the body$/,
    ],
    [
      "a connection given up",
      frames([HEAD, frame("goaway", 0, 0, Buffer.of(0, 0, 0, 0, 0, 0, 0, 2))]),
      /^HTTP\/2 failed: /,
    ],
    [
      "headers without end",
      framesForEver(
        [SETTINGS, frame("headers", 0, 1, STATUS_200)],
        frame("continuation", 0, 1, Buffer.from("\x00\x01a\x01b".repeat(2_000))),
      ),
      /^(HTTP\/2 failed|sent more than|connection)/,
    ],
    [
      "pings without end",
      framesForEver([SETTINGS], frame("ping", 0, 0, Buffer.alloc(8))),
      /^(HTTP\/2 failed|sent more than|connection)/,
    ],
  ];
  test.each(raw)("tells of %s", async (_what, script, reason) => {
    using server = await serve(script);
    const target = targetAt(server.port, {
      kind: "http",
      version: "2",
      expect: "Test Page",
      timeoutMs: 2_000,
    });
    const result = await probeOnce(target);
    expect(result?.ok).toBe(false);
    expect(result?.reason).toMatch(reason);
    while (server.open.size > 0) await Bun.sleep(5);
  });

  test("asks over TLS", async () => {
    const { authority, pairs } = await certificates();
    await using server = await serveHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("hello");
    }, pairs.good!);
    const result = await probeOnce(secureTarget(server.port), { authority });
    expect(result?.reason).toMatch(/^200 in \d+ ms; certificate ends in/);
  });

  test.each([["http/1.1"], []])("is not offered over TLS: %p", async (...protocols) => {
    const { authority, pairs } = await certificates();
    const tls = { ...pairs.good!, ALPNProtocols: protocols.flat() };
    using server = await serve(answer(reply("hello")), { tls });
    const result = await probeOnce(secureTarget(server.port), { authority });
    expect(result?.reason).toMatch(/^server does not offer /);
  });
});

function secureTarget(port: number) {
  return targetAt(port, {
    kind: "https",
    version: "2",
    host: "www.example.org",
    expect: "hello",
    timeoutMs: 2_000,
  });
}
