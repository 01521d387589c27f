import { describe, expect, test } from "bun:test";
import { type Answer, decode, encode } from "dns-packet";
import { probeDns } from "../../../src/shell/probe/dns.ts";
import { talkContext } from "./talk_context.ts";
import { closedPort, type Script, serve, targetAt } from "./scripted_server.ts";
import { closedDatagramPort, type DatagramScript, serveDatagrams } from "./scripted_datagrams.ts";

type Options = Omit<Parameters<typeof targetAt<"dns">>[1], "kind">;

const WEB: Answer = { type: "A", name: "www.example.org", data: "192.0.2.7" };

function probe(port: number, options: Options = {}) {
  const check = { kind: "dns", name: "www.example.org", type: "A", ...options } as const;
  return probeDns(targetAt(port, check), talkContext());
}

/** Answers the question that came with these records, changed by `damage`. */
function answers(
  records: Answer[],
  { flags = 0, damage = (message: Buffer) => message }: {
    flags?: number;
    damage?: (message: Buffer) => Buffer;
  } = {},
): DatagramScript {
  return (reply, bytes) => {
    const { id, questions } = decode(bytes);
    reply(
      damage(encode({ type: "response", id: id!, flags, questions: questions!, answers: records })),
    );
  };
}

describe("probeDns is content with a server that", () => {
  const cases: [what: string, options: Options, answer: Answer[], reason: RegExp][] = [
    ["has any record of the type", {}, [WEB], /^A 192\.0\.2\.7 in \d+ ms$/],
    [
      "has the one expected",
      { expect: "^192\\.0\\.2\\.7$" },
      [{ ...WEB, data: "192.0.2.1" }, WEB],
      /7 in/,
    ],
    ["is asked in capitals", { name: "WWW.Example.org." }, [WEB], /^A /],
    ["leads by another name", {}, [
      { type: "CNAME", name: "www.example.org", data: "web.example.org" },
      { ...WEB, name: "web.example.org" },
    ], /^A /],
  ];
  test.each(cases)("%s", async (_what, options, records, reason) => {
    await using server = await serveDatagrams(answers(records));
    expect(await probe(server.port, options)).toMatchObject({
      ok: true,
      reason: expect.stringMatching(reason),
    });
  });
});

/** A message with these flags and the right question, and nothing else. */
const withFlags = (flags: number): DatagramScript => answers([], { flags });
const TRUNCATED = 0x200;

describe("probeDns reports a server that", () => {
  const cases: [what: string, script: DatagramScript, reason: RegExp][] = [
    ["is silent", () => {}, /^timed out after 300 ms while waiting for an answer$/],
    ["does not know the name", withFlags(3), /^answered NXDOMAIN$/],
    ["fails", withFlags(2), /^answered SERVFAIL$/],
    ["refuses", withFlags(5), /^answered REFUSED$/],
    ["has no such record", withFlags(0), /^no A record of www\.example\.org$/],
    ["cuts its answer short", withFlags(TRUNCATED), /cut short: ask by TCP/],
    [
      "gives another address",
      answers([{ ...WEB, data: "192.0.2.9" }]),
      /^no answer matches \/\^192\\\.0\\\.2\\\.7\$\/: 192\.0\.2\.9$/,
    ],
    [
      "answers another id",
      answers([WEB], {
        damage: (message) => {
          message[0]! ^= 1;
          return message;
        },
      }),
      /^timed out .* \(an answer with another id came\)$/,
    ],
    ["answers another question", (reply, bytes) =>
      reply(encode({
        type: "response",
        id: decode(bytes).id!,
        questions: [{ type: "A", name: "evil.example.org" }],
        answers: [WEB],
      })), /^timed out .* \(an answer to another question came\)$/],
    ["sends the question back", (reply, bytes) => reply(bytes), /something that is no answer came/],
    ["sends text", (reply) => reply("hello"), /^not a DNS message: /],
    [
      "cuts a record off",
      answers([WEB], { damage: (message) => message.subarray(0, -2) }),
      /^not a DNS message: /,
    ],
    [
      "sends too much",
      answers([{ type: "TXT", name: "www.example.org", data: Array(20).fill("x".repeat(250)) }]),
      /^answer longer than 4096 bytes$/,
    ],
    ["sends too many records", answers(Array(65).fill(WEB)), /^answer of more than 64 records$/],
  ];
  test.each(cases)("%s", async (_what, script, reason) => {
    await using server = await serveDatagrams(script);
    const result = await probe(server.port, { expect: "^192\\.0\\.2\\.7$" });
    expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
  });

  test("does not listen", async () => {
    const reason = "port unreachable: nobody listens on it";
    expect(await probe(await closedDatagramPort())).toMatchObject({ ok: false, reason });
  });
});

test("probeDns takes the right answer after wrong ones", async () => {
  const right = answers([WEB]);
  await using server = await serveDatagrams((reply, question, from) => {
    answers([WEB], { damage: (message) => message.fill(message[0]! ^ 1, 0, 1) })(
      reply,
      question,
      from,
    );
    right(reply, question, from);
  });
  expect(await probe(server.port)).toMatchObject({ ok: true });
});

describe("probeDns over TCP", () => {
  /** Answers with the length in front; `damage` changes both. */
  const framed = (damage = (bytes: Buffer) => bytes): Script => (socket) =>
    socket.once("data", (chunk) => {
      answers([WEB])(
        (message) => {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(message.length);
          socket.write(damage(Buffer.concat([length, Buffer.from(message)])));
        },
        Buffer.from(chunk).subarray(2),
        { address: "", port: 0 },
      );
    });
  const ask = (port: number) => probe(port, { transport: "tcp" });

  test("is content with the right answer", async () => {
    using server = await serve(framed());
    expect(await ask(server.port)).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^A 192\.0\.2\.7 in/),
    });
  });

  const cases: [what: string, script: Script, reason: RegExp][] = [
    ["silence", () => {}, /^timed out after 300 ms while waiting for an answer$/],
    [
      "half an answer",
      framed((bytes) => bytes.subarray(0, 20)),
      /^timed out .* the rest of the answer$/,
    ],
    [
      "an end",
      (socket) => socket.once("data", () => socket.end("\0")),
      /^connection closed while waiting/,
    ],
    [
      "a reset",
      (socket) => socket.once("data", () => socket.resetAndDestroy()),
      /^connection reset while/,
    ],
    [
      "an announcement of too much",
      (socket) => socket.once("data", () => socket.write("~~")),
      /^answer longer than 4096/,
    ],
    [
      "another id",
      framed((bytes) => bytes.fill(bytes[2]! ^ 1, 2, 3)),
      /^an answer with another id came$/,
    ],
    [
      "noise",
      (socket) => socket.once("data", () => socket.write("\0\u0004hello")),
      /^not a DNS message/,
    ],
  ];
  test.each(cases)("reports %s", async (_what, script, reason) => {
    using server = await serve(script);
    expect(await ask(server.port)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(reason),
    });
  });

  test("reports a refused connection", async () => {
    expect(await ask(await closedPort())).toMatchObject({
      ok: false,
      reason: "connection refused",
    });
  });
});
