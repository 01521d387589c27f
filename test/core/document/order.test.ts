import { describe, expect, test } from "bun:test";
import { formatServerRef, parseServerRef } from "../../../src/core/document/order.ts";
import { formatPortRange, parsePortRange } from "../../../src/core/service/service.ts";

describe("parseServerRef", () => {
  test.each([
    ["192.0.2.21", { address: "192.0.2.21", port: null }],
    ["192.0.2.21:0", { address: "192.0.2.21", port: 0 }],
    ["2001:db8::21", { address: "2001:db8::21", port: null }],
    ["[2001:db8::21]:8080", { address: "2001:db8::21", port: 8_080 }],
    ["n2", { node: "n2" }],
    ["web.example.org", { node: "web.example.org" }],
    ["7", { node: "7" }],
  ])("reads %s and writes it again", (text, server) => {
    expect(parseServerRef(text)).toEqual(server);
    expect(formatServerRef(server)).toBe(text);
  });

  test("takes an IPv6 address in brackets for one without a port", () => {
    expect(parseServerRef("[2001:db8::1]")).toEqual({ address: "2001:db8::1", port: null });
  });

  test.each(["", "192.0.2.300", "192.0.2", "192.0.2.1:70000", "[192.0.2.1]", "a b", "-n", "::g"])(
    "does not take %j for anything",
    (text) => expect(parseServerRef(text)).toBeUndefined(),
  );
});

describe("parsePortRange", () => {
  test.each(
    [
      ["tcp/80", { protocol: "tcp", first: 80, last: 80 }],
      ["udp/5000-5100", { protocol: "udp", first: 5_000, last: 5_100 }],
      ["sctp/1-65535", { protocol: "sctp", first: 1, last: 65_535 }],
    ] as const,
  )("reads %s and writes it again", (text, range) => {
    expect(parsePortRange(text)).toEqual(range);
    expect(formatPortRange(range)).toBe(text);
  });

  test.each(["80", "tcp", "tcp/0", "tcp/90-80", "tcp/80-", "icmp/1", "tcp/65536", "tcp/80,81", ""])(
    "does not take %j",
    (text) => expect(parsePortRange(text)).toBeUndefined(),
  );
});
