import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseIp } from "../../../src/core/address.ts";
import { BOOT_MAX, EPOCH_MAX, PULSE_CLAIMS_MAX } from "../../../src/core/limits.ts";
import {
  decodePulse,
  encodePulse,
  type Pulse,
  PULSE_BYTES_MAX,
} from "../../../src/core/cluster/pulse.ts";

/** Largest datagram every path takes in one piece, bytes: IPv6's minimum MTU less the headers of IPv6 and UDP, less the seal. */
const PAYLOAD_BYTES = 1_280 - 40 - 8 - 16;

const PULSE: Pulse = {
  from: "0123456789abcdef",
  to: "00000000000000ff",
  boot: 0x0102_0304_0506,
  sequence: 7,
  echo: 0x0a0b,
  intervalMs: 100,
  leaving: true,
  ask: false,
  starting: true,
  deaf: true,
  witness: "doubt",
  claims: new Map([
    ["192.0.2.240", { epoch: 5, yielding: false }],
    ["2001:db8::240", { epoch: EPOCH_MAX, yielding: true }],
  ]),
};

// Written by hand from the table at the head of core/cluster/pulse.ts.
const GOLDEN = [
  "54525031", // "TRP1"
  "35", // leaving, starting, witness in doubt (16), deaf (32)
  "02", // claims
  "0064", // promised in 100 ms
  "0123456789abcdef",
  "00000000000000ff",
  "0000010203040506", // boot
  "0000000000000007", // sequence
  "0000000000000a0b", // echo
  "00000000000000000000ffffc00002f0",
  "00000005",
  "20010db8000000000000000000000240",
  "ffffffff",
].join("");

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  .map((value) => value.toString(16).padStart(16, "0"));
const number = fc.maxSafeNat();
const vip = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseIp(text) ?? "");
const pulse: fc.Arbitrary<Pulse> = fc.record({
  from: id,
  to: id,
  boot: number.map((value) => value % (BOOT_MAX + 1)),
  sequence: number,
  echo: number,
  intervalMs: fc.integer({ min: 0, max: 65_535 }),
  leaving: fc.boolean(),
  ask: fc.boolean(),
  starting: fc.boolean(),
  deaf: fc.boolean(),
  witness: fc.constantFrom("none", "answers", "doubt", "silent"),
  claims: fc.array(
    fc.tuple(
      vip,
      fc.record({ epoch: fc.integer({ min: 0, max: EPOCH_MAX }), yielding: fc.boolean() }),
    ),
    { maxLength: PULSE_CLAIMS_MAX },
  ).map((entries) => new Map(entries)),
});

describe("encodePulse", () => {
  test("writes the documented bytes", () => {
    expect(hex(encodePulse(PULSE))).toBe(GOLDEN);
  });

  test("throws for more claims than fit, which is a fault of the caller", () => {
    const claims = new Map(
      Array.from(
        { length: PULSE_CLAIMS_MAX + 1 },
        (_, index) => [`192.0.2.${index}`, { epoch: 1, yielding: false }],
      ),
    );
    expect(() => encodePulse({ ...PULSE, claims })).toThrow("57 claims, at most 56 fit");
  });

  test("the largest pulse goes unfragmented over every path", () => {
    expect(PULSE_BYTES_MAX).toBeLessThanOrEqual(PAYLOAD_BYTES);
  });
});

describe("decodePulse", () => {
  test("reads the documented bytes", () => {
    expect(decodePulse(unhex(GOLDEN))).toEqual(PULSE);
  });

  test("reads what encodePulse writes", () => {
    fc.assert(fc.property(pulse, (any) => {
      const bytes = encodePulse(any);
      expect(bytes.length).toBeLessThanOrEqual(PULSE_BYTES_MAX);
      expect(decodePulse(bytes)).toEqual(any);
    }));
  });

  test("reads a pulse in the middle of a larger buffer", () => {
    const bytes = unhex(`ffffff${GOLDEN}ffff`);
    expect(decodePulse(bytes.subarray(3, -2))).toEqual(PULSE);
  });

  test("never throws for garbage, and reads none", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodePulse(bytes)).toBeUndefined();
    }));
  });

  test("never throws for a damaged pulse, and what it reads could have been written", () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(fc.property(pulse, damage, (any, { at, byte }) => {
      const bytes = encodePulse(any);
      bytes[at % bytes.length] = byte;
      const read = decodePulse(bytes);
      if (read !== undefined) expect(decodePulse(encodePulse(read))).toEqual(read);
    }));
  });

  test("passes over what a later version says", () => {
    const own = decodePulse(unhex(GOLDEN));
    expect(decodePulse(unhex(`${GOLDEN}${"5a".repeat(48)}`))).toEqual(own);
    expect(decodePulse(unhex(GOLDEN.replace("0502", "fd02")))).toEqual(own);
  });

  test("refuses a pulse that is cut or has too much behind it", () => {
    const bytes = unhex(GOLDEN);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodePulse(bytes.subarray(0, length))).toBeUndefined();
    }
    expect(decodePulse(unhex(`${GOLDEN}${"00".repeat(49)}`))).toBeUndefined();
  });

  const wrong: [what: string, text: string][] = [
    ["another magic", GOLDEN.replace("54525031", "54525032")],
    ["a count that does not fit the length", GOLDEN.replace("3502", "3503")],
    [
      "one VIP claimed twice",
      GOLDEN.replace("20010db8000000000000000000000240", "00000000000000000000ffffc00002f0"),
    ],
    ["a boot no node can count on from", GOLDEN.replace("0000010203040506", "0001000000000001")],
    ["a boot beyond what numbers hold", GOLDEN.replace("0000010203040506", "0100000000000000")],
    ["a sequence beyond what numbers hold", GOLDEN.replace("0000000000000007", "0100000000000000")],
    ["an echo beyond what numbers hold", GOLDEN.replace("0000000000000a0b", "0100000000000000")],
  ];
  test.each(wrong)("refuses %s", (_what, text) => {
    expect(text).not.toBe(GOLDEN);
    expect(decodePulse(unhex(text))).toBeUndefined();
  });

  test("refuses more than the largest pulse, even if the count fits", () => {
    const claim = (index: number) =>
      `00000000000000000000ffff0a0000${index.toString(16).padStart(2, "0")}00000001`;
    const build = (count: number) =>
      unhex(
        GOLDEN.slice(0, 10) + count.toString(16).padStart(2, "0") + GOLDEN.slice(12, 96) +
          Array.from({ length: count }, (_, index) => claim(index)).join(""),
      );
    expect(decodePulse(build(PULSE_CLAIMS_MAX))?.claims.size).toBe(PULSE_CLAIMS_MAX);
    expect(decodePulse(build(PULSE_CLAIMS_MAX + 1))).toBeUndefined();
  });
});
