import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseIp } from "../../../src/core/address.ts";
import { SERVICE_KEY_LENGTH_MAX } from "../../../src/core/limits.ts";
import {
  formatServiceName,
  keyAddress,
  MARK_MAX,
  nameOf,
  parseServiceName,
  protocols,
  serviceFamily,
  serviceKey,
  type ServiceName,
} from "../../../src/core/service/service_name.ts";
import { markService, service } from "../../support/cluster_views.ts";

const V4 = { address: "192.0.2.1", port: 80, protocol: "tcp" } as const;
const MARK = { protocol: "fwm", family: 4, mark: 1 } as const;

describe("parseServiceName", () => {
  const right: [text: string, name: ServiceName, key: string, written: string][] = [
    ["192.0.2.1:80", V4, "tcp/192.0.2.1:80", "192.0.2.1:80"],
    ["192.0.2.1:80/tcp", V4, "tcp/192.0.2.1:80", "192.0.2.1:80"],
    ["192.0.2.1:0", { ...V4, port: 0 }, "tcp/192.0.2.1:0", "192.0.2.1:0"],
    ["192.0.2.1:80/udp", { ...V4, protocol: "udp" }, "udp/192.0.2.1:80", "192.0.2.1:80/udp"],
    ["192.0.2.1:80/sctp", { ...V4, protocol: "sctp" }, "sctp/192.0.2.1:80", "192.0.2.1:80/sctp"],
    [
      "[2001:DB8::1]:443",
      { address: "2001:db8::1", port: 443, protocol: "tcp" },
      "tcp/[2001:db8::1]:443",
      "[2001:db8::1]:443",
    ],
    ["fwmark:1", MARK, "fwm/1", "fwmark:1"],
    ["fwmark:007", { ...MARK, mark: 7 }, "fwm/7", "fwmark:7"],
    [
      "fwmark6:4294967295",
      { ...MARK, family: 6, mark: MARK_MAX },
      "fwm6/4294967295",
      "fwmark6:4294967295",
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
    "192.0.2.1:65536",
    "192.0.2.1:80/",
    "192.0.2.1:80/TCP",
    "192.0.2.1:80/fwm",
    "192.0.2.1:80/tcp/udp",
    "/tcp",
    "2001:db8::1:80",
    "example.org:80",
    "fwmark",
    "fwmark:",
    "fwmark:0",
    "fwmark:-1",
    "fwmark:4294967296",
    "fwmark:0x10",
    "fwmark4:1",
    "FWMARK:1",
    "fwmark:1/tcp",
    " fwmark:1",
  ];
  test.each(wrong)("refuses %j", (text) => {
    expect(parseServiceName(text)).toBeUndefined();
  });

  const endpoint: fc.Arbitrary<ServiceName> = fc.record({
    address: fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseIp(text) ?? ""),
    port: fc.integer({ min: 0, max: 65_535 }),
    protocol: fc.constantFrom(...protocols),
  });
  const mark: fc.Arbitrary<ServiceName> = fc.record({
    protocol: fc.constant("fwm" as const),
    family: fc.constantFrom(4, 6),
    mark: fc.integer({ min: 1, max: MARK_MAX }),
  });
  const name = fc.oneof(endpoint, mark);

  test("reads what formatServiceName writes, and different names have different keys", () => {
    fc.assert(fc.property(name, name, (a, b) => {
      expect(parseServiceName(formatServiceName(a))).toEqual(a);
      expect(serviceKey(a) === serviceKey(b)).toBe(formatServiceName(a) === formatServiceName(b));
      expect(serviceKey(a).length).toBeLessThanOrEqual(SERVICE_KEY_LENGTH_MAX);
    }));
  });

  test("a key tells the VIP of an endpoint, and of a mark none", () => {
    fc.assert(fc.property(name, (one) => {
      expect(keyAddress(serviceKey(one)) ?? null).toBe("address" in one ? one.address : null);
    }));
  });
});

test("the two families of a mark are two services", () => {
  expect(serviceKey(MARK)).not.toBe(serviceKey({ ...MARK, family: 6 }));
  expect([serviceFamily(MARK), serviceFamily({ ...MARK, family: 6 })]).toEqual([4, 6]);
  expect(serviceFamily(V4)).toBe(4);
  expect(serviceFamily({ ...V4, address: "2001:db8::1" })).toBe(6);
});

test("nameOf leaves the name only", () => {
  expect(nameOf(service())).toEqual({ address: "10.0.0.100", port: 80, protocol: "tcp" });
  expect(nameOf(markService())).toEqual({ protocol: "fwm", family: 4, mark: 7 });
});
