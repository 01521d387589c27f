/** The token and its keys. */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../src/core/refusal.ts";
import { TOKEN_PATTERN } from "../../../src/core/config.ts";
import { deriveKey, fingerprintOf, newToken } from "../../../src/shell/files/token.ts";

const TOKEN = `troop1-${"0123456789abcdef".repeat(4)}`;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("newToken", () => {
  test("makes tokens that are valid and never the same", () => {
    const tokens = Array.from({ length: 50 }, newToken);
    expect(tokens.every((token) => TOKEN_PATTERN.test(token))).toBe(true);
    expect(new Set(tokens).size).toBe(50);
  });
});

describe("deriveKey", () => {
  test("is HKDF-SHA256 without salt (golden bytes: a change here cuts a running cluster in two)", () => {
    expect(hex(deriveKey(TOKEN, "pulse"))).toBe(
      "249ca92d849b4b3630ecda7f5020b877cf64d4422cce2e657eea7a39c4427b18",
    );
    expect(hex(deriveKey(TOKEN, "gossip"))).toBe(
      "ba2fdc9694cfc0049b5325a59d613c2da18e7e2e90a2514f38fc403c7c1e5294",
    );
  });

  test("refuses what is not a token, without repeating it", () => {
    for (const text of ["", "troop1-", TOKEN.toUpperCase(), `${TOKEN} `, TOKEN.slice(0, -1)]) {
      expect(() => deriveKey(text, "pulse")).toThrow(Refusal);
    }
    expect(() => deriveKey("troop1-secret", "pulse")).not.toThrow("secret");
  });
});

describe("fingerprintOf", () => {
  test("names a token without telling it, and goes over the wire (golden)", () => {
    expect(fingerprintOf(TOKEN)).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprintOf(TOKEN)).not.toBe(fingerprintOf(newToken()));
    expect(TOKEN).not.toContain(fingerprintOf(TOKEN));
  });
});
