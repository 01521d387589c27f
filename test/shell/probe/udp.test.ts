import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { probeUdp } from "../../../src/shell/probe/udp.ts";
import { talkContext } from "./talk_context.ts";
import { countDescriptors, targetAt } from "./scripted_server.ts";
import { closedDatagramPort, serveDatagrams } from "./scripted_datagrams.ts";

type Options = Omit<Parameters<typeof targetAt<"udp">>[1], "kind">;

function probe(port: number, options: Options = {}, signal?: AbortSignal) {
  return probeUdp(
    targetAt(port, { kind: "udp", ...options }),
    talkContext(signal && { signal }),
  );
}

describe("probeUdp is content with", () => {
  test("silence when no reply is expected", async () => {
    await using server = await serveDatagrams(() => {});
    expect(await probe(server.port, { send: "ping" })).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^no reply expected, and no ICMP error in \d+ ms$/),
    });
    expect(server.received.map(String)).toEqual(["ping"]);
  });

  test("any reply when none is expected, at once", async () => {
    await using server = await serveDatagrams((reply) => reply("pong"));
    expect(await probe(server.port, { timeoutMs: 20_000 })).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^answered 4 bytes in \d+ ms$/),
    });
  });

  test("the reply that is expected, to what the escapes mean", async () => {
    await using server = await serveDatagrams((reply, question) =>
      reply(question.equals(Buffer.from([0xff, 0x00, 0x0a])) ? "pong 7" : "what?")
    );
    const result = await probe(server.port, { send: "\\xff\\0\\n", expect: "^pong [0-9]$" });
    expect(result).toMatchObject({ ok: true });
  });

  test("a server on IPv6", async () => {
    await using server = await serveDatagrams((reply) => reply("pong"), { host: "::1" });
    const target = { ...targetAt(server.port, { kind: "udp", expect: "pong" }), address: "::1" };
    expect(await probeUdp(target, talkContext())).toMatchObject({ ok: true });
  });

  test("what comes to the address it was told to ask from", async () => {
    let asker = "";
    await using server = await serveDatagrams((reply, _question, from) => {
      asker = from.address;
      reply("pong");
    });
    expect(await probe(server.port, { source: "127.0.0.9" })).toMatchObject({ ok: true });
    expect(asker).toBe("127.0.0.9");
  });
});

describe("probeUdp reports", () => {
  test("a port nobody listens on", async () => {
    const reason = "port unreachable: nobody listens on it";
    expect(await probe(await closedDatagramPort())).toMatchObject({ ok: false, reason });
  });

  test("silence when a reply is expected", async () => {
    await using server = await serveDatagrams(() => {});
    const reason = "timed out after 300 ms while waiting for an answer";
    expect(await probe(server.port, { expect: "pong" })).toMatchObject({ ok: false, reason });
  });

  test("a wrong reply, on one line", async () => {
    await using server = await serveDatagrams((reply) => reply("no\r\nway"));
    expect(await probe(server.port, { expect: "pong" })).toMatchObject({
      ok: false,
      reason: 'reply "no??way" lacks /pong/',
    });
  });
});

describe("probeUdp asks", () => {
  test.each(["127.0.0.1", "::1"])("through an interface, at %s", async (host) => {
    await using server = await serveDatagrams((reply) => reply("pong"), { host });
    const before = countDescriptors();
    const target = targetAt(server.port, { kind: "udp", device: "lo", expect: "pong" });
    const ask = (port: number) => probeUdp({ ...target, address: host, port }, talkContext());
    expect(await ask(server.port)).toMatchObject({ ok: true });
    const reason = "port unreachable: nobody listens on it";
    expect(await ask(await closedDatagramPort())).toMatchObject({ ok: false, reason });
    while (countDescriptors() > before) await Bun.sleep(5);
  });

  const refusals: [what: string, options: Options, reason: string][] = [
    [
      "from a foreign address",
      { source: "192.0.2.77" },
      "cannot ask from 192.0.2.77: not an address of this node",
    ],
    [
      "from an address of the other family",
      { source: "::1" },
      "cannot ask 127.0.0.1 from ::1: one is IPv4, the other IPv6",
    ],
    [
      "through an interface that is not there",
      { device: "nonesuch" },
      "cannot ask through nonesuch: no such interface on this node",
    ],
    [
      "through an interface from a foreign address",
      { device: "lo", source: "192.0.2.77" },
      "cannot ask from 192.0.2.77: not an address of this node",
    ],
  ];
  test.each(refusals)("not %s", async (_what, options, reason) => {
    await using server = await serveDatagrams((reply) => reply("pong"));
    expect(await probe(server.port, options)).toMatchObject({ ok: false, reason });
  });
});

test("probeUdp does not hear who speaks for the server from another port", async () => {
  const stranger = createSocket("udp4");
  await using server = await serveDatagrams((_reply, _question, from) => {
    stranger.send("pong", from.port, from.address);
  });
  expect(await probe(server.port, { expect: "pong" })).toMatchObject({ ok: false });
  stranger.close();
});

test("probeUdp aborted says nothing, and no probe leaves a socket behind", async () => {
  await using server = await serveDatagrams(() => {});
  const before = countDescriptors();
  const controller = new AbortController();
  const results = Array.from(
    { length: 20 },
    () => probe(server.port, { timeoutMs: 20_000 }, controller.signal),
  );
  controller.abort();
  expect(await Promise.all(results)).toEqual(Array(20).fill(null));
  while (countDescriptors() > before) await Bun.sleep(5);
});
