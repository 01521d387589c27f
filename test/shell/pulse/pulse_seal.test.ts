/** The seal of a pulse. */
import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { PULSE_BYTES_MAX } from "../../../src/core/cluster/pulse.ts";
import { SEAL_BYTES, sealPulse, unsealPulse } from "../../../src/shell/pulse/pulse_seal.ts";

const key = new Uint8Array(32).fill(7);
const bytes = () => fc.uint8Array({ minLength: 1, maxLength: PULSE_BYTES_MAX });

describe("sealPulse and unsealPulse", () => {
  test("the seal is HMAC-SHA256 over destination and pulse, cut to 16 bytes", () => {
    const pulse = Uint8Array.of(1, 2, 3);
    const hmac = createHmac("sha256", key).update(Uint8Array.of(192, 0, 2, 9, 1, 2, 3)).digest();
    expect(sealPulse(key, "192.0.2.9", pulse)).toEqual(
      Uint8Array.of(1, 2, 3, ...hmac.subarray(0, 16)),
    );
  });

  test("what was sealed comes out again, for both families", () => {
    fc.assert(fc.property(bytes(), fc.constantFrom("192.0.2.9", "2001:db8::9"), (pulse, to) => {
      expect(unsealPulse(key, to, sealPulse(key, to, pulse))).toEqual(pulse);
    }));
  });

  test("a change of any one bit is noticed", () => {
    fc.assert(fc.property(bytes(), fc.nat(), fc.integer({ min: 0, max: 7 }), (pulse, at, bit) => {
      const sealed = sealPulse(key, "192.0.2.9", pulse);
      const index = at % sealed.length;
      sealed[index] = (sealed[index] ?? 0) ^ (1 << bit);
      expect(unsealPulse(key, "192.0.2.9", sealed)).toBeUndefined();
    }));
  });

  test("another key or another destination does not open it", () => {
    const sealed = sealPulse(key, "192.0.2.9", Uint8Array.of(1));
    expect(unsealPulse(new Uint8Array(32), "192.0.2.9", sealed)).toBeUndefined();
    expect(unsealPulse(key, "192.0.2.8", sealed)).toBeUndefined();
  });

  test("bytes too short for a seal are not opened", () => {
    for (let length = 0; length <= SEAL_BYTES; length++) {
      expect(unsealPulse(key, "192.0.2.9", new Uint8Array(length))).toBeUndefined();
    }
  });
});
