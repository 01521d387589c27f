import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseIp } from "../../src/core/address.ts";
import {
  formatServiceName,
  parseServiceName,
  protocols,
  serviceKey,
  type ServiceName,
  serviceSchema,
  vipSchema,
} from "../../src/core/service.ts";
import { sampleService } from "../shell/sample_service.ts";

describe("parseServiceName", () => {
  const right: [text: string, name: ServiceName, key: string, written: string][] = [
    [
      "192.0.2.1:80",
      { address: "192.0.2.1", port: 80, protocol: "tcp" },
      "tcp/192.0.2.1:80",
      "192.0.2.1:80",
    ],
    [
      "192.0.2.1:80/tcp",
      { address: "192.0.2.1", port: 80, protocol: "tcp" },
      "tcp/192.0.2.1:80",
      "192.0.2.1:80",
    ],
    [
      "192.0.2.1:53/udp",
      { address: "192.0.2.1", port: 53, protocol: "udp" },
      "udp/192.0.2.1:53",
      "192.0.2.1:53/udp",
    ],
    [
      "[2001:DB8::1]:443",
      { address: "2001:db8::1", port: 443, protocol: "tcp" },
      "tcp/[2001:db8::1]:443",
      "[2001:db8::1]:443",
    ],
  ];
  test.each(right)("reads %j", (text, name, key, written) => {
    expect(parseServiceName(text)).toEqual(name);
    expect(serviceKey(name)).toBe(key);
    expect(formatServiceName(name)).toBe(written);
  });

  const wrong = [
    "",
    "192.0.2.1",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:80/",
    "192.0.2.1:80/sctp",
    "192.0.2.1:80/TCP",
    "192.0.2.1:80/tcp/udp",
    "/tcp",
    "2001:db8::1:80",
    "example.org:80",
  ];
  test.each(wrong)("refuses %j", (text) => {
    expect(parseServiceName(text)).toBeUndefined();
  });

  test("reads what formatServiceName writes, and different names have different keys", () => {
    const name: fc.Arbitrary<ServiceName> = fc.record({
      address: fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseIp(text) ?? ""),
      port: fc.integer({ min: 1, max: 65_535 }),
      protocol: fc.constantFrom(...protocols),
    });
    fc.assert(fc.property(name, name, (a, b) => {
      expect(parseServiceName(formatServiceName(a))).toEqual(a);
      expect(serviceKey(a) === serviceKey(b)).toBe(formatServiceName(a) === formatServiceName(b));
    }));
  });
});

describe("serviceSchema", () => {
  const accepts = (fields: Record<string, unknown>) =>
    serviceSchema.safeParse({ ...sampleService(), ...fields }).success;

  const right: Record<string, unknown>[] = [
    {},
    { protocol: "udp" },
    { address: "2001:db8::240" },
    { port: 65_535 },
    { scheduler: "mh" },
  ];
  test.each(right)("takes %j", (fields) => {
    expect(accepts(fields)).toBe(true);
  });

  const wrong: Record<string, unknown>[] = [
    { address: "127.0.0.1" },
    { address: "2001:DB8::240" },
    { address: "www.example.org" },
    { port: 0 },
    { port: 65_536 },
    { port: 80.5 },
    { protocol: "sctp" },
    { scheduler: "best" },
    { forwarding: "teleport" },
    { check: undefined },
    { persistent: 300 },
  ];
  test.each(wrong)("refuses %j", (fields) => {
    expect(accepts(fields)).toBe(false);
  });
});

test("vipSchema says what is wrong", () => {
  expect(vipSchema.safeParse("0.0.0.0").error?.issues[0]?.message)
    .toBe("is not an address that can be a VIP");
});
