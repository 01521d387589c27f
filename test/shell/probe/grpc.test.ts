import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { probeGrpc } from "../../../src/shell/probe/grpc.ts";
import { certificates } from "../../support/certificates.ts";
import { reply } from "./http_probe.ts";
import { answer, closedPort, serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

/** What a server does with one call, whose message is given. */
type Answer = (stream: http2.ServerHttp2Stream, message: Buffer) => void;

async function serveGrpc(script: Answer, tls?: http2.SecureServerOptions) {
  const server = tls === undefined ? http2.createServer() : http2.createSecureServer(tls);
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const right = headers[":path"] === "/grpc.health.v1.Health/Check" &&
        headers["content-type"] === "application/grpc" && headers.te === "trailers";
      script(stream as http2.ServerHttp2Stream, right ? Buffer.concat(chunks) : Buffer.alloc(0));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => void server.close() };
}

/** Answers with a message and a status in the trailers. */
function says(message: number[], status = "0"): Answer {
  return (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, {
      waitForTrailers: true,
    });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
    stream.end(Buffer.of(...message));
  };
}

const SERVING = [0, 0, 0, 0, 2, 8, 1];

describe("probeGrpc", () => {
  const cases: [what: string, script: Answer, ok: boolean, reason: RegExp][] = [
    ["SERVING", says(SERVING), true, /^SERVING in \d+ ms$/],
    ["NOT_SERVING", says([0, 0, 0, 0, 2, 8, 2]), false, /^NOT_SERVING, want SERVING$/],
    ["a status left out", says([0, 0, 0, 0, 0]), false, /^UNKNOWN, want SERVING$/],
    ["a status nobody knows", says([0, 0, 0, 0, 2, 8, 9]), false, /^answer is no Health/],
    ["half a message", says([0, 0, 0, 0, 9, 8, 1]), false, /^answer is no HealthCheckResponse$/],
    ["a compressed message", says([1, 0, 0, 0, 2, 8, 1]), false, /^answer is no Health/],
    ["no message", says([]), false, /^answer is no HealthCheckResponse$/],
    [
      "an endless message",
      says(new Array(9_000).fill(0)),
      false,
      /^answer longer than 4096 bytes$/,
    ],
    ["an error", says([], "13"), false, /^gRPC status 13, want 0$/],
    [
      "a service it does not know, in headers alone",
      (stream) =>
        stream.respond({
          ":status": 200,
          "content-type": "application/grpc",
          "grpc-status": "5",
        }, { endStream: true }),
      false,
      /^server does not know this service \(NOT_FOUND\)$/,
    ],
    ["a server without health", says([], "12"), false, /^server has no health service/],
    [
      "a page",
      (stream) => {
        stream.respond({ ":status": 200, "content-type": "text/html" });
        stream.end("hello");
      },
      false,
      /^not a gRPC server: content type "text\/html"$/,
    ],
    [
      "a missing page",
      (stream) => {
        stream.respond({ ":status": 404 });
        stream.end();
      },
      false,
      /^not a gRPC server: status 404$/,
    ],
    ["silence", () => {}, false, /^timed out after 300 ms while waiting for the answer$/],
    [
      "a message without status",
      (stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.end(Buffer.of(...SERVING));
      },
      false,
      /^not a gRPC server: no grpc-status$/,
    ],
    [
      "a message that stalls",
      (stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(Buffer.of(...SERVING));
      },
      false,
      /^timed out after 300 ms while waiting for the answer$/,
    ],
  ];
  test.each(cases)("takes %s for what it is", async (_what, script, ok, reason) => {
    using server = await serveGrpc(script);
    const result = await probeGrpc(targetAt(server.port, { kind: "grpc" }), talkContext());
    expect(result?.reason).toMatch(reason);
    expect(result?.ok).toBe(ok);
  });

  test.each(["", "shop.Cart", "x".repeat(300)])("asks for service %j", async (service) => {
    let asked: Buffer = Buffer.alloc(0);
    using server = await serveGrpc((stream, message) => {
      asked = message;
      says(SERVING)(stream, message);
    });
    const target = targetAt(server.port, { kind: "grpc", service, timeoutMs: 2_000 });
    expect(await probeGrpc(target, talkContext())).toMatchObject({ ok: true });
    const length = service.length < 128
      ? [service.length]
      : [(service.length & 127) | 128, service.length >> 7];
    const field = service === "" ? "" : `\n${String.fromCharCode(...length)}${service}`;
    expect(asked.readUInt32BE(1)).toBe(field.length);
    expect(asked.subarray(5).toString("latin1")).toBe(field);
  });

  test("asks over TLS", async () => {
    const { authority, pairs } = await certificates();
    using server = await serveGrpc(says(SERVING), pairs.good!);
    const target = targetAt(server.port, {
      kind: "grpc",
      security: "tls",
      serverName: "www.example.org",
      timeoutMs: 2_000,
    });
    const result = await probeGrpc(target, talkContext({ authority }));
    expect(result?.reason).toMatch(/^SERVING in \d+ ms; certificate ends in/);
  });

  test("tells of a server that speaks HTTP/1.1, and of none", async () => {
    using server = await serve(answer(reply("hello")));
    const other = await probeGrpc(targetAt(server.port, { kind: "grpc" }), talkContext());
    expect(other?.reason).toMatch(/^HTTP\/2 failed: /);
    const none = await probeGrpc(targetAt(await closedPort(), { kind: "grpc" }), talkContext());
    expect(none).toMatchObject({ ok: false, reason: "connection refused" });
  });
});
