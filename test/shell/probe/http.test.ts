import { describe, expect, test } from "bun:test";
import type { CheckOf } from "../../../src/core/check.ts";
import type { ProbeResult } from "../../../src/ports.ts";
import { HEADER_BYTES_MAX, REPLY_BYTES_MAX } from "../../../src/shell/probe/http_judgement.ts";
import { probeOnce, reply } from "./http_probe.ts";
import {
  answer,
  answerAndStall,
  answerForEver,
  closedPort,
  type Script,
  serve,
  targetAt,
} from "./scripted_server.ts";

/** Sends the pieces one by one, so that they arrive apart. */
function inPieces(...pieces: string[]): Script {
  return (socket) =>
    socket.once("data", async () => {
      socket.setNoDelay(true);
      for (const piece of pieces) {
        socket.write(piece);
        await Bun.sleep(5);
      }
      socket.end();
    });
}

interface Case {
  readonly server: Script;
  /** Expected text of the check. */
  readonly expects?: string;
  readonly ok?: true;
  readonly reason: string | RegExp;
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const UNTIL_CLOSE = "HTTP/1.1 200 OK\r\n\r\n";
const TOOK = String.raw` in \d+ ms$`;

const cases: Record<string, Case> = {
  "200 with a body": { server: answer(reply("hello")), ok: true, reason: RegExp(`^200${TOOK}`) },
  "204 without a body": {
    server: answer("HTTP/1.1 204 No Content\r\n\r\n"),
    ok: true,
    reason: RegExp(`^204${TOOK}`),
  },
  "expected text": {
    server: answer(reply("a Test Page.")),
    expects: "Test P.ge",
    ok: true,
    reason: /^200 in/,
  },
  "chunked body": {
    server: answer(`${CHUNKED}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`),
    expects: "^hello$",
    ok: true,
    reason: /^200 in/,
  },
  "expected text split over chunks and segments": {
    server: inPieces(CHUNKED, "6\r\na Test\r\n", "5\r\n Page\r\n", "0\r\n", "\r\n"),
    expects: "Test Page",
    ok: true,
    reason: /^200 in/,
  },
  "character split over segments": {
    server: (socket) =>
      socket.once("data", async () => {
        const bytes = Buffer.from(reply("größe"));
        socket.write(bytes.subarray(0, bytes.length - 4));
        await Bun.sleep(5);
        socket.end(bytes.subarray(bytes.length - 4));
      }),
    expects: "größe",
    ok: true,
    reason: /^200 in/,
  },
  "HTTP/1.0 without length": {
    server: answer("HTTP/1.0 200 OK\r\n\r\nhello"),
    expects: "hello",
    ok: true,
    reason: /^200/,
  },
  "HTTP/1.1 until close": {
    server: answer(`${UNTIL_CLOSE}hello`),
    expects: "hello",
    ok: true,
    reason: /^200/,
  },
  "1xx first": {
    server: answer(
      `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${
        reply("hello")
      }`,
    ),
    expects: "hello",
    ok: true,
    reason: /^200/,
  },
  "body without end": {
    server: answerForEver(UNTIL_CLOSE, "x".repeat(65_536)),
    ok: true,
    reason: RegExp(`^200 and more than ${REPLY_BYTES_MAX} bytes${TOOK}`),
  },
  "body without end, expected text early": {
    server: answerForEver(`${UNTIL_CLOSE}Test Page`, "x".repeat(65_536)),
    expects: "Test Page",
    ok: true,
    reason: /^200 and more/,
  },
  "body without end, expected text never": {
    server: answerForEver(UNTIL_CLOSE, "x".repeat(65_536)),
    expects: "Test Page",
    reason: `first ${REPLY_BYTES_MAX} bytes of the body lack /Test Page/`,
  },
  "catastrophic body for a backtracking matcher": {
    server: answer(reply("a".repeat(100_000) + "!")),
    expects: "^(?:a+)+(?:b|c)$",
    reason: "body lacks /^(?:a+)+(?:b|c)$/",
  },
  "status 503": { server: answer(reply("", "HTTP/1.1 503 Busy")), reason: "status 503, want 2xx" },
  "status 404 with the expected text": {
    server: answer(reply("Test Page", "HTTP/1.1 404 Not Found")),
    expects: "Test Page",
    reason: "status 404, want 2xx",
  },
  redirect: {
    server: answer("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
    reason: "status 302 to /login, want 2xx",
  },
  "protocol switch nobody asked for": {
    server: answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    reason: "status 101, want 2xx",
  },
  "wrong text": {
    server: answer(reply("It works!")),
    expects: "Test Page",
    reason: "body lacks /Test Page/",
  },
  "wrong text, compressed against our will": {
    server: answer(reply("\x1f\x8b", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip")),
    expects: "Test Page",
    reason: "body lacks /Test Page/ (it came gzip-encoded)",
  },
  "expression that cannot be compiled": {
    server: answer(reply("")),
    expects: "a(?=b)",
    reason: /^"a\(\?=b\)" is not a regular expression: /,
  },
  silence: { server: () => {}, reason: "timed out after 300 ms while waiting for the headers" },
  "half a status line": {
    server: answerAndStall("HTTP/1.1 2"),
    reason: "timed out after 300 ms while waiting for the headers",
  },
  "headers that drip": {
    server: (socket) => {
      const drip = setInterval(() => socket.write("X-A: b\r\n"), 20);
      socket.on("close", () => clearInterval(drip));
      socket.write("HTTP/1.1 200 OK\r\n");
    },
    reason: "timed out after 300 ms while waiting for the headers",
  },
  "1xx without end": {
    server: (socket) => {
      const drip = setInterval(() => socket.write("HTTP/1.1 100 Continue\r\n\r\n"), 20);
      socket.on("close", () => clearInterval(drip));
    },
    reason: "timed out after 300 ms while waiting for the headers",
  },
  "200 whose body stalls": {
    server: answerAndStall("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
    reason: "timed out after 300 ms while waiting for the body",
  },
  "200 whose body stalls after the expected text": {
    server: answerAndStall("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nTest Page"),
    expects: "Test Page",
    reason: "timed out after 300 ms while waiting for the body",
  },
  "200 whose chunked body stalls": {
    server: answerAndStall(`${CHUNKED}3\r\nhel\r\n`),
    reason: "timed out after 300 ms while waiting for the body",
  },
  "body cut short": {
    server: answer("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
    reason: "connection closed before the end of the body",
  },
  "chunked body cut short": {
    server: answer(`${CHUNKED}3\r\nhel\r\n`),
    reason: "connection closed before the end of the body",
  },
  "reset where the close would end the body": {
    server: (socket) =>
      socket.once("data", async () => {
        socket.write(`${UNTIL_CLOSE}hello`);
        await Bun.sleep(20);
        socket.resetAndDestroy();
      }),
    reason: "connection reset while waiting for the body",
  },
  "reset at once": {
    server: (socket) => socket.resetAndDestroy(),
    reason: "connection reset while waiting for the headers",
  },
  "reset after the request": {
    server: (socket) => socket.once("data", () => socket.resetAndDestroy()),
    reason: "connection reset while waiting for the headers",
  },
  "close without an answer": {
    server: (socket) => socket.once("data", () => socket.end()),
    reason: "connection closed while waiting for the headers",
  },
  "another protocol": { server: answer("SSH-2.0-OpenSSH_9.2\r\n"), reason: /^not an HTTP reply: / },
  "broken chunk size": {
    server: answer(`${CHUNKED}zz\r\nhello\r\n`),
    reason: /^not an HTTP reply: .*chunk/,
  },
  "two lengths": {
    server: answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    reason: /^not an HTTP reply: .*Content-Length/,
  },
  "headers somewhat too long": {
    server: answer(reply("", `HTTP/1.1 200 OK\r\nX-A: ${"x".repeat(HEADER_BYTES_MAX)}`)),
    reason: `headers longer than ${HEADER_BYTES_MAX} bytes`,
  },
  "headers nearly too long": {
    server: answer(reply("", `HTTP/1.1 200 OK\r\nX-A: ${"x".repeat(HEADER_BYTES_MAX - 100)}`)),
    ok: true,
    reason: /^200/,
  },
  "headers without end": {
    server: answerForEver("HTTP/1.1 200 OK\r\n", `X-A: ${"x".repeat(1_000)}\r\n`),
    reason: `headers longer than ${HEADER_BYTES_MAX} bytes`,
  },
  "one header without end": {
    server: answerForEver("HTTP/1.1 200 OK\r\nX-A: ", "x".repeat(10_000)),
    reason: `headers longer than ${HEADER_BYTES_MAX} bytes`,
  },
};

describe("probeHttp judges", () => {
  test.each(Object.entries(cases))(
    "%s",
    async (_name, { server: script, expects = null, ok = false, reason }) => {
      using server = await serve(script);
      const result = await probeOnce(targetAt(server.port, { kind: "http", expect: expects }));
      if (typeof reason === "string") expect(result).toMatchObject({ ok, reason });
      else expect(result).toMatchObject({ ok, reason: expect.stringMatching(reason) });
    },
  );

  test("a refused connection", async () => {
    const result = await probeOnce(targetAt(await closedPort(), { kind: "http" }));
    expect(result).toMatchObject({ ok: false, reason: "connection refused" });
  });

  test("a request that cannot be written", async () => {
    using server = await serve(() => {});
    const result = await probeOnce(targetAt(server.port, { kind: "http", host: "日本" }));
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/^cannot ask: /) });
  });
});

describe("probeHttp asks", () => {
  const asked: [
    what: string,
    check: Partial<Omit<CheckOf<"http">, "kind">>,
    line: (port: number) => string,
  ][] = [
    ["for the path", { path: "/status?x=1" }, () => "GET /status?x=1 HTTP/1.1\r\n"],
    [
      "for a path beyond ASCII, encoded",
      { path: "/ä%20日" },
      () => "GET /%C3%A4%20%E6%97%A5 HTTP/1.1\r\n",
    ],
    ["with the address as host", {}, (port) => `\r\nHost: 127.0.0.1:${port}\r\n`],
    [
      "with the host of the check",
      { host: "www.example.org" },
      (port) => `\r\nHost: www.example.org:${port}\r\n`,
    ],
    ["for one answer only", {}, () => "\r\nConnection: close\r\n"],
    ["for a body as it is", {}, () => "\r\nAccept-Encoding: identity\r\n"],
  ];
  test.each(asked)("%s", async (_what, check, line) => {
    using server = await serve(answer(reply("")));
    await probeOnce(targetAt(server.port, { kind: "http", ...check }));
    expect(server.received).toEqual([expect.stringContaining(line(server.port))]);
  });

  test("an IPv6 address", async () => {
    using server = await serve(answer(reply("")), { host: "::1" });
    const result = await probeOnce({ ...targetAt(server.port, { kind: "http" }), address: "::1" });
    expect(result).toMatchObject({ ok: true });
    expect(server.received).toEqual([
      expect.stringContaining(`\r\nHost: [::1]:${server.port}\r\n`),
    ]);
  });

  test("the server itself, whatever proxy the environment names", async () => {
    using proxy = await serve(answer(reply("I am a proxy")));
    using server = await serve(answer(reply("Test Page")));
    const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    const variables = Object.fromEntries(
      names.map((name) => [name, `http://127.0.0.1:${proxy.port}`]),
    );
    const result = await probeApart(server.port, {
      env: { ...variables, NODE_USE_ENV_PROXY: "1" },
    });
    expect(result).toMatchObject({ ok: true });
    expect(server.received).toHaveLength(1);
    expect(proxy.received).toEqual([]);
  });
});

/** Probes from another process: its environment and limits are read once, when it starts. */
async function probeApart(
  port: number,
  { env = {}, before = "", descriptors = 1_000 }: {
    env?: Record<string, string>;
    before?: string;
    descriptors?: number;
  },
): Promise<ProbeResult | null> {
  const folder = `${import.meta.dir}/../../../src/shell`;
  const script = `
    import { createProbe } from "${folder}/probe/probes.ts";
    const target = ${JSON.stringify(targetAt(port, { kind: "http", timeoutMs: 5_000 }))};
    const clock = { now: () => performance.now(), wallMs: () => Date.now() };
    const { signal } = new AbortController();
    ${before}
    console.log(JSON.stringify(await createProbe()(target, { clock, signal })));
    process.exit(0);
  `;
  const shell = `ulimit -n ${descriptors} && exec "$0" -e "$1"`;
  await using child = Bun.spawn({
    cmd: ["sh", "-c", shell, process.execPath, script],
    env: { ...process.env, ...env },
    stdout: "pipe",
  });
  return JSON.parse(await new Response(child.stdout).text());
}

test("probeHttp says nothing about a server when this process has no descriptor left", async () => {
  using server = await serve(answer(reply("hello")));
  const before = `
    import { openSync } from "node:fs";
    await createProbe()(target, { clock, signal });
    try { for (;;) openSync("/dev/null", "r"); } catch {}
  `;
  expect(await probeApart(server.port, { before, descriptors: 100 })).toBeNull();
  expect(server.received).toHaveLength(1);
});

test("probeHttp aborted says nothing and hangs up", async () => {
  using server = await serve(() => {});
  const controller = new AbortController();
  const pending = probeOnce(targetAt(server.port, { kind: "http", timeoutMs: 60_000 }), {
    signal: controller.signal,
  });
  while (server.open.size === 0) await Bun.sleep(1);
  controller.abort();
  expect(await pending).toBeNull();
  while (server.open.size > 0) await Bun.sleep(1);
});

test("probeHttp does not blame the server for a process that stood still", async () => {
  // The server runs apart, so it answers while this process does not look.
  await using child = Bun.spawn({
    cmd: [
      process.execPath,
      "-e",
      `
      const server = require("node:http").createServer((_, reply) => reply.end("hello"));
      server.listen(0, "127.0.0.1", () => console.log(server.address().port));
    `,
    ],
    stdout: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const pending = probeOnce(targetAt(port, { kind: "http", timeoutMs: 100 }));
  const wakeMs = performance.now() + 400;
  while (performance.now() < wakeMs);
  expect(await pending).toMatchObject({ ok: true });
});
