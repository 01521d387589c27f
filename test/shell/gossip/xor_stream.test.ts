/** XSalsa20 in pieces, against the library that libp2p's own protector uses. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { xsalsa20 } from "@noble/ciphers/salsa.js";
import { XorStream } from "../../../src/shell/gossip/xor_stream.ts";

const key = new Uint8Array(32).map((_, index) => index);
const nonce = new Uint8Array(24).map((_, index) => 255 - index);

test("a stream in pieces of any length is the cipher of the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
      const whole = Buffer.concat(pieces);
      const stream = new XorStream(key, nonce);
      const made = Buffer.concat(pieces.map((piece) => stream.update(piece)));
      expect(made.equals(Buffer.from(xsalsa20(key, nonce, whole)))).toBe(true);
      const back = new XorStream(key, nonce);
      expect(Buffer.from(back.update(made)).equals(whole)).toBe(true);
    }),
    { numRuns: 50 },
  );
});
