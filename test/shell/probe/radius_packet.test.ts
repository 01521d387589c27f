/** RADIUS packets. Golden bytes: the exchange in RFC 2865, 7.1. */
import { expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { encodeRequest, readAnswer } from "../../../src/shell/probe/radius_packet.ts";
import { hex, toHex } from "../../ffi/hex.ts";

const question = {
  id: 0,
  authenticator: hex("0f403f94 73978057 bd83d5cb 98f4227a"),
  secret: "xyzzy5461",
  login: { user: "nemo", password: "arctangent" },
};
const ACCEPT = Buffer.from(hex(
  "02000026 86fe220e 7624ba2a 1005f6bf 9b55e0b2 06060000 0001 0f060000 0000 0e06c0a8 0103",
));

test("encodeRequest hides the password as RFC 2865 does, and signs the whole (RFC 3579)", () => {
  const packet = encodeRequest(question);
  expect(toHex(packet.subarray(0, 4))).toBe(`0100${packet.length.toString(16).padStart(4, "0")}`);
  expect(toHex(packet.subarray(38))).toBe(
    "01066e656d6f" + "02120dbe708d93d413ce3196e43f782a0aee" + "2007" + toHex(Buffer.from("troop")),
  );
  const signature = Buffer.from(packet.subarray(22, 38));
  expect(toHex(packet.subarray(20, 22))).toBe("5012");
  const unsigned = Buffer.from(packet).fill(0, 22, 38);
  expect(createHmac("md5", question.secret).update(unsigned).digest()).toEqual(signature);
});

test("encodeRequest hides a password of several blocks so that the server can read it", () => {
  const password = "correct horse battery staple";
  const packet = encodeRequest({ ...question, login: { user: "nemo", password } });
  const sealed = packet.subarray(46, 46 + 32);
  const open: number[] = [];
  for (const from of [0, 16]) {
    const before = from === 0 ? question.authenticator : sealed.subarray(from - 16, from);
    const mask = createHash("md5").update(question.secret).update(before).digest();
    open.push(...mask.map((byte, index) => byte ^ sealed[from + index]!));
  }
  expect(Buffer.from(open).toString().replace(/\0+$/, "")).toBe(password);
});

test("encodeRequest refuses what does not fit", () => {
  const login = (user: string, password: string) => () =>
    encodeRequest({ ...question, login: { user, password } });
  expect(login("n".repeat(254), "")).toThrow("user must have 1 to 253 bytes");
  expect(login("", "")).toThrow("user must have 1 to 253 bytes");
  expect(login("nemo", "p".repeat(129))).toThrow("password is longer than 128 bytes");
});

test("readAnswer takes the answer of RFC 2865, also with padding behind", () => {
  expect(readAnswer(ACCEPT, question)).toBe(2);
  expect(readAnswer(Buffer.concat([ACCEPT, Buffer.alloc(9)]), question)).toBe(2);
});

test("readAnswer takes no answer in which any byte is different", () => {
  fc.assert(fc.property(fc.nat(ACCEPT.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const damaged = Buffer.from(ACCEPT);
    damaged[at]! ^= flip;
    expect(readAnswer(damaged, question)).toBeString();
  }));
});

test("readAnswer takes no noise, and no answer to another question or from another secret", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    expect(readAnswer(Buffer.from(bytes), question)).toBeString();
  }));
  const other = "an answer that does not prove the secret came";
  expect(readAnswer(ACCEPT, { ...question, secret: "other" })).toBe(other);
  expect(readAnswer(ACCEPT, { ...question, authenticator: new Uint8Array(16) })).toBe(other);
  expect(readAnswer(ACCEPT, { ...question, id: 1 })).toBe("an answer with another identifier came");
});

test("readAnswer looks at a Message-Authenticator", () => {
  const sign = (signature: Buffer): Buffer => {
    const packet = Buffer.concat([
      Buffer.from([2, 0, 0, 38]),
      question.authenticator,
      Buffer.from([80, 18]),
      signature,
    ]);
    const digest = createHash("md5").update(packet).update(question.secret).digest();
    return digest.copy(packet, 4), packet;
  };
  const unsigned = Buffer.concat([
    Buffer.from([2, 0, 0, 38]),
    question.authenticator,
    Buffer.from([80, 18]),
    Buffer.alloc(16),
  ]);
  const right = createHmac("md5", question.secret).update(unsigned).digest();
  expect(readAnswer(sign(right), question)).toBe(2);
  expect(readAnswer(sign(Buffer.alloc(16)), question)).toBeString();
});
