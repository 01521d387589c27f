import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { probeSip } from "../../../src/shell/probe/sip.ts";
import {
  defaultUri,
  encodeOptions,
  HEAD_BYTES_MAX,
  readHead,
} from "../../../src/shell/probe/sip_message.ts";
import { closedDatagramPort, serveDatagrams } from "./scripted_datagrams.ts";
import { closedPort, serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

type Options = Partial<Omit<Parameters<typeof targetAt<"sip">>[1], "kind">>;

function probe(port: number, options: Options = {}) {
  return probeSip(targetAt(port, { kind: "sip", ...options }), talkContext());
}

/** An answer with the headers of the request that an answer must have (RFC 3261, 8.2.6). */
function answer(request: string, status: string, change = (text: string) => text): string {
  const kept = request.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
  return change([`SIP/2.0 ${status}`, ...kept, "Content-Length: 0", "", ""].join("\r\n"));
}

type Answering = (request: string) => string[];
const says = (...statuses: string[]): Answering => (request) =>
  statuses.map((status) => answer(request, status));

const wells: [what: string, answering: Answering, options: Options, reason: RegExp][] = [
  ["its answer is final and good", says("200 OK"), {}, /^200 OK in \d+ ms$/],
  ["it first says that it tries", says("100 Trying", "200 OK"), {}, /^200 OK in/],
  [
    "its status is one that is right",
    says("404 Not Found"),
    { status: [[200, 299], [404, 404]] },
    /^404 /,
  ],
  [
    "it uses compact names",
    (request) => [
      answer(
        request,
        "200",
        (text) =>
          text.replace("Via:", "v:").replace("Call-ID:", "i:").replace("Content-Length:", "l :"),
      ),
    ],
    {},
    /^200 in/,
  ],
];
const bads: [what: string, answering: Answering, udp: RegExp, tcp: RegExp][] = [
  [
    "silence",
    () => [],
    /^timed out after 300 ms while waiting for an answer$/,
    /^timed out .* an answer$/,
  ],
  [
    "a wrong status",
    says("503 Busy"),
    /^status 503 Busy, want 200-299$/,
    /^status 503 Busy, want 200-299$/,
  ],
  [
    "only provisional answers",
    says("100 Trying"),
    /^timed out .* for more than 100 Trying$/,
    /^timed out/,
  ],
  [
    "another protocol",
    () => ["HTTP/1.1 200 OK\r\n\r\n"],
    /^not a SIP answer: "HTTP/,
    /^not a SIP answer: "HTTP/,
  ],
  [
    "an answer to another call",
    (request) => [
      answer(request, "200 OK", (text) => text.replace(/Call-ID: ./, "Call-ID: -")),
    ],
    /one to another request came/,
    /^answered another request$/,
  ],
  [
    "an answer to another branch",
    (request) => [
      answer(request, "200 OK", (text) => text.replace(/z9hG4bK./, "z9hG4bK-")),
    ],
    /one to another request came/,
    /^answered another request$/,
  ],
  [
    "an answer to another method",
    (request) => [
      answer(request, "200 OK", (text) => text.replace("1 OPTIONS", "1 INVITE")),
    ],
    /one to another request came/,
    /^answered another request$/,
  ],
  [
    "too much",
    (request) => [
      answer(
        request,
        "200 OK",
        (text) => text.replace("Via", `A: ${"x".repeat(HEAD_BYTES_MAX)}\r\nVia`),
      ),
    ],
    /^answer longer than 8192 bytes$/,
    /^answer longer than 8192 bytes$/,
  ],
];

describe("probeSip over UDP", () => {
  const served = (answering: Answering) =>
    serveDatagrams((reply, question) =>
      answering(question.toString()).forEach((text) => reply(text))
    );

  test.each(wells)("is content when %s", async (_what, answering, options, reason) => {
    await using server = await served(answering);
    const result = await probe(server.port, options);
    expect(result).toMatchObject({ ok: true, reason: expect.stringMatching(reason) });
  });

  test.each(bads)("reports %s", async (_what, answering, reason) => {
    await using server = await served(answering);
    const result = await probe(server.port);
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
  });

  test("reports a port nobody listens on", async () => {
    const reason = "port unreachable: nobody listens on it";
    expect(await probe(await closedDatagramPort())).toMatchObject({ ok: false, reason });
  });
});

describe("probeSip over TCP", () => {
  const served = (answering: Answering) =>
    serve((socket) =>
      socket.on(
        "data",
        (chunk) => answering(chunk.toString()).forEach((text) => socket.write(text)),
      )
    );

  test.each(wells)("is content when %s", async (_what, answering, options, reason) => {
    using server = await served(answering);
    const result = await probe(server.port, { transport: "tcp", ...options });
    expect(result).toMatchObject({ ok: true, reason: expect.stringMatching(reason) });
  });

  test.each(bads)("reports %s", async (_what, answering, _udp, reason) => {
    using server = await served(answering);
    const result = await probe(server.port, { transport: "tcp" });
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
  });

  test("skips the body of a provisional answer", async () => {
    using server = await served((request) => [
      answer(request, "183 Wait", (text) => text.replace("Length: 0", "Length: 4") + "wait"),
      answer(request, "200 OK"),
    ]);
    expect(await probe(server.port, { transport: "tcp" })).toMatchObject({ ok: true });
  });

  test("reports refusals, resets and ends", async () => {
    const ask = async (port: number) => (await probe(port, { transport: "tcp" }))?.reason;
    expect(await ask(await closedPort())).toBe("connection refused");
    using resetting = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect(await ask(resetting.port)).toBe("connection reset while waiting for an answer");
    using closing = await serve((socket) =>
      socket.once("data", () => socket.end("SIP/2.0 200 OK\r\n"))
    );
    expect(await ask(closing.port)).toBe("connection closed while waiting for an answer");
  });
});

const question = { uri: "sip:a@b", transport: "udp", branch: "1", callId: "2", tag: "3" } as const;

test("a SIP address has IPv6 in brackets", () => {
  expect(defaultUri("192.0.2.1")).toBe("sip:ping@192.0.2.1");
  expect(defaultUri("2001:db8::1")).toBe("sip:ping@[2001:db8::1]");
});

test("readHead takes no request and no noise for an answer, and never throws", () => {
  expect(readHead(encodeOptions(question), question)).toBeUndefined();
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    expect(readHead(text, question)).toBeUndefined();
    expect(readHead(`SIP/2.0 200 OK\r\n${text}`, question)?.ours ?? false).toBe(false);
  }));
});
