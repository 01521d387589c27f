/** Keys of pairs of nodes. */
import { expect, test } from "bun:test";
import { pulseKeys } from "../../../src/shell/pulse/pulse_keys.ts";

const seed = (value: number) => new Uint8Array(32).fill(value);
const [a, b, c] = [pulseKeys(seed(1)), pulseKeys(seed(2)), pulseKeys(seed(3))];

test("two nodes get one key from what each tells, and a third one another", () => {
  const key = a.sharedWith(b.publicKey)!;
  expect(key).toHaveLength(32);
  expect(b.sharedWith(a.publicKey)).toEqual(key);
  expect(c.sharedWith(a.publicKey)).not.toEqual(key);
  expect(c.sharedWith(b.publicKey)).not.toEqual(key);
});

test("an identity has the same keys after each start, and none is its seed", () => {
  expect(pulseKeys(seed(1)).publicKey).toBe(a.publicKey);
  expect(a.publicKey).toMatch(/^[0-9a-f]{64}$/);
  expect(a.publicKey).not.toBe(Buffer.from(seed(1)).toString("hex"));
  expect(a.sharedWith(b.publicKey)).not.toEqual(seed(1));
});

test("points that make a secret everybody knows, and what is no point, give no key", () => {
  // 0, 1, and one of the points of order 8 (RFC 7748, section 6.1; Curve25519's points of small order).
  const orderEight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
  const zero = "00".repeat(32);
  const one = `01${"00".repeat(31)}`;
  for (const bad of [zero, one, orderEight, "", "ab"]) {
    expect(a.sharedWith(bad)).toBeUndefined();
  }
});

test("a key is worked out once, also when there are as many as a full cluster has", () => {
  const all = Array.from({ length: 300 }, (_, n) => {
    const secret = seed(7);
    new DataView(secret.buffer).setUint16(0, n);
    return pulseKeys(secret).publicKey;
  });
  const one = pulseKeys(seed(9));
  const first = all.map((key) => one.sharedWith(key));
  expect(new Set(first.map((key) => Buffer.from(key!).toString("hex"))).size).toBe(300);
  // The same array, not an equal one.
  for (const [index, key] of all.entries()) expect(one.sharedWith(key)).toBe(first[index]!);
});
