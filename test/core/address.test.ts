import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatEndpoint,
  hostPrefixLength,
  inSubnet,
  type Ip,
  ipFamily,
  ipFromBytes,
  ipToBytes,
  isUsableVip,
  parseEndpoint,
  parseIp,
  PORT_MAX,
} from "../../src/core/address.ts";

const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6();
const canonical: fc.Arbitrary<Ip> = fc.oneof(ipv4, ipv6).map((text) => parseIp(text) ?? "");

describe("parseIp", () => {
  const canonicalForms: [text: string, ip: string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["2001:DB8::1", "2001:db8::1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    // RFC 5952, 4.2.2: one group of zeros alone is not shortened.
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    // RFC 5952, 4.2.3: the longest run is, and of equal ones the first.
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["fe80::1", "fe80::1"],
    // RFC 4291, 2.5.5.2: the same host.
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
  ];
  test.each(canonicalForms)("spells %j as %j", (text, ip) => {
    expect(parseIp(text)).toBe(ip);
  });

  const wrong = [
    "",
    " 192.0.2.1",
    "192.0.2.1 ",
    "192.0.2",
    "192.0.2.1.1",
    "192.0.2.256",
    "192.0.2.-1",
    "192.0.02.1",
    "0x7f.1",
    "3221225985",
    "192.0.2.1/24",
    "[2001:db8::1]",
    "2001:db8::1%eth0",
    "2001:db8::1::2",
    "2001:db8:1",
    "2001:db8::12345",
    "2001:db8::g",
    "example.org",
    "１９２.0.2.1",
  ];
  test.each(wrong)("refuses %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test("never throws, and what it accepts it spells in one way only", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(..."0123456789abf:./%") }),
    );
    fc.assert(fc.property(fc.oneof(text, ipv4, ipv6), (any) => {
      const ip = parseIp(any);
      if (ip !== undefined) expect(parseIp(ip)).toBe(ip);
    }));
  });
});

describe("bytes", () => {
  test("an address is the same after a trip through its bytes", () => {
    fc.assert(fc.property(canonical, (ip) => {
      expect(ipToBytes(ip)).toHaveLength(ipFamily(ip) === 4 ? 4 : 16);
      expect(ipFromBytes(ipToBytes(ip))).toBe(ip);
    }));
  });

  test("bytes are the same after a trip through text, unless they are a mapped IPv4 address", () => {
    const bytes = fc.constantFrom(4, 16).chain((length) =>
      fc.uint8Array({ minLength: length, maxLength: length })
    );
    fc.assert(fc.property(bytes, (any) => {
      const ip = ipFromBytes(any);
      expect(parseIp(ip)).toBe(ip);
      if (ipFamily(ip) === 4 && any.length === 16) expect(ipToBytes(ip)).toEqual(any.slice(12));
      else expect(ipToBytes(ip)).toEqual(any);
    }));
  });

  test("a mapped IPv4 address becomes the IPv4 address", () => {
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1);
    expect(ipFromBytes(mapped)).toBe("192.0.2.1");
  });

  test("bytes are in network order", () => {
    expect(ipToBytes("192.0.2.1")).toEqual(Uint8Array.of(192, 0, 2, 1));
    expect(ipToBytes("2001:db8::1")).toEqual(
      Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    );
  });
});

describe("inSubnet", () => {
  const cases: [ip: string, address: string, prefixLength: number, inside: boolean][] = [
    ["192.0.2.240", "192.0.2.1", 24, true],
    ["192.0.3.240", "192.0.2.1", 24, false],
    ["192.0.3.240", "192.0.2.1", 23, true],
    ["192.0.2.1", "192.0.2.1", 32, true],
    ["192.0.2.2", "192.0.2.1", 32, false],
    ["198.51.100.1", "192.0.2.1", 0, true],
    ["2001:db8::ff", "2001:db8::1", 64, true],
    ["2001:db8:0:1::ff", "2001:db8::1", 64, false],
    ["2001:db8::1", "192.0.2.1", 0, false],
    ["192.0.2.1", "::", 0, false],
  ];
  test.each(cases)("%s in %s/%d: %p", (ip, address, prefixLength, inside) => {
    expect(inSubnet(ip, address, prefixLength)).toBe(inside);
  });

  test("is what comparing the first bits says", () => {
    const bits = (ip: Ip) =>
      [...ipToBytes(ip)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    const pair = fc.record({ a: ipv4, b: ipv4, prefixLength: fc.integer({ min: 0, max: 32 }) });
    fc.assert(fc.property(pair, ({ a, b, prefixLength }) => {
      // Two random addresses hardly share more than a bit or two: also try b with the start of a.
      const near = ipFromBytes(ipToBytes(a).with(3, ipToBytes(b)[3] ?? 0));
      for (const other of [b, near]) {
        expect(inSubnet(other, a, prefixLength))
          .toBe(bits(other).slice(0, prefixLength) === bits(a).slice(0, prefixLength));
      }
    }));
  });
});

describe("isUsableVip", () => {
  const cases: [ip: string, usable: boolean][] = [
    ["192.168.6.240", true],
    ["203.0.113.9", true],
    ["100.64.0.1", true],
    ["2001:db8::240", true],
    ["fd00::240", true],
    ["0.0.0.0", false],
    ["127.0.0.1", false],
    ["169.254.1.1", false],
    ["224.0.0.18", false],
    ["255.255.255.255", false],
    ["::", false],
    ["::1", false],
    ["fe80::1", false],
    ["ff02::12", false],
  ];
  test.each(cases)("%s: %p", (ip, usable) => {
    expect(isUsableVip(ip)).toBe(usable);
  });
});

test("hostPrefixLength covers one host of the family", () => {
  expect(hostPrefixLength("192.0.2.1")).toBe(32);
  expect(hostPrefixLength("2001:db8::1")).toBe(128);
});

describe("endpoints", () => {
  const right: [text: string, address: string, port: number][] = [
    ["192.0.2.1:80", "192.0.2.1", 80],
    ["192.0.2.1:0", "192.0.2.1", 0],
    ["[2001:db8::1]:443", "2001:db8::1", 443],
    ["[2001:DB8:0::1]:65535", "2001:db8::1", 65_535],
  ];
  test.each(right)("parseEndpoint reads %j", (text, address, port) => {
    expect(parseEndpoint(text)).toEqual({ address, port });
  });

  const wrong = [
    "",
    "192.0.2.1",
    "192.0.2.1:",
    ":80",
    "192.0.2.1:65536",
    "192.0.2.1:080000",
    "192.0.2.1:-1",
    "192.0.2.1:8a",
    "192.0.2.1: 80",
    "2001:db8::1:80",
    "[2001:db8::1]",
    "[192.0.2.1]:80",
    "[2001:db8::1%eth0]:80",
    // Its canonical form is IPv4, which has no brackets: one spelling for one endpoint.
    "[::ffff:192.0.2.1]:80",
    "example.org:80",
  ];
  test.each(wrong)("parseEndpoint refuses %j", (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });

  test("parseEndpoint reads what formatEndpoint writes", () => {
    const port = fc.integer({ min: 0, max: PORT_MAX });
    fc.assert(fc.property(canonical, port, (address, port) => {
      expect(parseEndpoint(formatEndpoint({ address, port }))).toEqual({ address, port });
    }));
  });
});
