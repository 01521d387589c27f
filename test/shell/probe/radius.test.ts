import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { probeRadius } from "../../../src/shell/probe/radius.ts";
import { closedDatagramPort, type DatagramScript, serveDatagrams } from "./scripted_datagrams.ts";
import { targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

const SECRET = "testing123";
type Options = Partial<Omit<Parameters<typeof targetAt<"radius">>[1], "kind">>;

function probe(port: number, options: Options = {}) {
  const login = { user: "monitor", password: "geheim" };
  const check = { kind: "radius", secret: SECRET, ...login, ...options } as const;
  return probeRadius(targetAt(port, check), talkContext());
}

/** Answers with this code; `damage` changes the packet afterwards. */
function answer(
  code: number,
  damage: (packet: Buffer) => Buffer = (packet) => packet,
): DatagramScript {
  return (reply, question) => {
    const packet = Buffer.concat([
      Buffer.from([code, question[1]!, 0, 20]),
      question.subarray(4, 20),
    ]);
    createHash("md5").update(packet).update(SECRET).digest().copy(packet, 4);
    reply(damage(packet));
  };
}

describe("probeRadius is content with", () => {
  const cases: [what: string, code: number, options: Options, reason: RegExp][] = [
    ["a login", 2, {}, /^Access-Accept in \d+ ms$/],
    ["a refusal that is wanted", 3, { reply: "reject" }, /^Access-Reject in/],
    ["a challenge where anything goes", 11, { reply: "any" }, /^Access-Challenge in/],
    ["a status", 2, { reply: "status", user: null, password: null }, /^Access-Accept in/],
  ];
  test.each(cases)("%s", async (_what, code, options, reason) => {
    await using server = await serveDatagrams(answer(code));
    expect(await probe(server.port, options)).toMatchObject({
      ok: true,
      reason: expect.stringMatching(reason),
    });
    expect(server.received[0]![0]).toBe(options.reply === "status" ? 12 : 1);
  });
});

describe("probeRadius reports", () => {
  const waiting = "timed out after 300 ms while waiting for an answer";
  const cases: [what: string, script: DatagramScript, options: Options, reason: string][] = [
    ["a refusal", answer(3), {}, "answered Access-Reject, want Access-Accept"],
    [
      "a login that should be refused",
      answer(2),
      { reply: "reject" },
      "answered Access-Accept, want Access-Reject",
    ],
    ["a code nobody knows", answer(99), {}, "answered code 99, want Access-Accept"],
    ["silence", () => {}, {}, `${waiting} (a wrong secret is met with silence, too)`],
    [
      "another identifier",
      answer(2, (packet) => packet.fill(packet[1]! ^ 1, 1, 2)),
      {},
      `${waiting} (an answer with another identifier came)`,
    ],
    [
      "another secret",
      answer(2),
      { secret: "other" },
      `${waiting} (an answer that does not prove the secret came)`,
    ],
    [
      "garbage",
      (reply) => reply("hello"),
      {},
      `${waiting} (something that is no RADIUS packet came)`,
    ],
    [
      "a cut packet",
      answer(2, (packet) => packet.subarray(0, 19)),
      {},
      `${waiting} (something that is no RADIUS packet came)`,
    ],
    [
      "too much",
      answer(2, (packet) => Buffer.concat([packet, Buffer.alloc(5_000)])),
      {},
      `${waiting} (something that is no RADIUS packet came)`,
    ],
    [
      "a password that does not fit",
      () => {},
      { password: "x".repeat(200) },
      "cannot ask: password is longer than 128 bytes",
    ],
  ];
  test.each(cases)("%s", async (_what, script, options, reason) => {
    await using server = await serveDatagrams(script);
    expect(await probe(server.port, options)).toMatchObject({ ok: false, reason });
  });

  test("a port nobody listens on", async () => {
    const reason = "port unreachable: nobody listens on it";
    expect(await probe(await closedDatagramPort())).toMatchObject({ ok: false, reason });
  });
});

test("probeRadius takes the true answer after a forged one", async () => {
  await using server = await serveDatagrams((reply, question, from) => {
    answer(3, (packet) => packet.fill(0, 4, 20))(reply, question, from);
    answer(2)(reply, question, from);
  });
  expect(await probe(server.port)).toMatchObject({ ok: true });
});
