import { expect, test } from "bun:test";
import { type Answer, encode } from "dns-packet";
import fc from "fast-check";
import {
  answerText,
  encodeQuestion,
  judgeAnswer,
  MESSAGE_BYTES_MAX,
} from "../../../src/shell/probe/dns_message.ts";

const question = { id: 0x1234, name: "example.org", type: "NS" } as const;

test("encodeQuestion writes RFC 1035 with a bound for the answer (RFC 6891)", () => {
  expect(encodeQuestion(question).toString("hex")).toBe(
    "1234" + "0100" + "0001" + "0000" + "0000" + "0001" + // id, recursion desired, counts
      "076578616d706c65" + "036f7267" + "00" + "0002" + "0001" + // example.org NS IN
      "00" + "0029" + "04d0" + "00000000" + "0000", // OPT, 1,232 bytes
  );
});

test("answerText writes records as dig does", () => {
  const texts = ([
    { type: "AAAA", name: "a", data: "2001:db8::1" },
    { type: "NS", name: "a", data: "ns.example.org" },
    { type: "MX", name: "a", data: { preference: 10, exchange: "mx.example.org" } },
    {
      type: "SRV",
      name: "a",
      data: { priority: 1, weight: 2, port: 3, target: "srv.example.org" },
    },
    { type: "TXT", name: "a", data: [Buffer.from("one "), Buffer.from("two")] },
    {
      type: "SOA",
      name: "a",
      data: {
        mname: "ns.a",
        rname: "me.a",
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
      },
    },
  ] satisfies Answer[]).map(answerText);
  expect(texts).toEqual([
    "2001:db8::1",
    "ns.example.org.",
    "10 mx.example.org.",
    "1 2 3 srv.example.org.",
    "one two",
    "ns.a. me.a. 1 2 3 4 5",
  ]);
});

const whole = encode({
  type: "response",
  id: question.id,
  questions: [{ type: "NS", name: question.name }],
  answers: [
    { type: "NS", name: question.name, data: "ns1.example.org" },
    {
      type: "SOA",
      name: question.name,
      data: { mname: "ns1.example.org", rname: "me.example.org" },
    },
  ],
});

test("judgeAnswer passes no message that was cut off or is mere noise, and never throws", () => {
  expect(judgeAnswer(whole, question, null).outcome).toBe("pass");
  fc.assert(fc.property(fc.nat(whole.length - 1), (length) => {
    expect(judgeAnswer(whole.subarray(0, length), question, null).outcome).not.toBe("pass");
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: MESSAGE_BYTES_MAX + 1 }), (bytes) => {
    expect(judgeAnswer(Buffer.from(bytes), question, null).outcome).not.toBe("pass");
  }));
});

test("judgeAnswer survives any damaged byte", () => {
  fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
    const damaged = Buffer.from(whole);
    damaged[at] = value;
    expect(["pass", "fail", "stray"]).toContain(judgeAnswer(damaged, question, null).outcome);
  }));
});
