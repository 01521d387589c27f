import { describe, expect, test } from "bun:test";
import {
  formatServerRef,
  parseServerRef,
  serverChangeSchema,
  type ServerRef,
  vipChangeSchema,
} from "../../src/core/order.ts";

describe("parseServerRef", () => {
  const right: [text: string, server: ServerRef, written: string][] = [
    ["192.0.2.21", { address: "192.0.2.21", port: null }, "192.0.2.21"],
    ["192.0.2.21:8080", { address: "192.0.2.21", port: 8_080 }, "192.0.2.21:8080"],
    ["192.0.2.21:0", { address: "192.0.2.21", port: 0 }, "192.0.2.21:0"],
    ["2001:DB8::21", { address: "2001:db8::21", port: null }, "2001:db8::21"],
    ["[2001:db8::21]:80", { address: "2001:db8::21", port: 80 }, "[2001:db8::21]:80"],
    ["n1", { node: "n1" }, "n1"],
    ["web-1.example_2", { node: "web-1.example_2" }, "web-1.example_2"],
  ];
  test.each(right)("reads %j", (text, server, written) => {
    expect(parseServerRef(text)).toEqual(server);
    expect(formatServerRef(server)).toBe(written);
  });

  test.each(["", "192.0.2", "192.0.2.256", "192.0.2.21:65536", "192.0.2.21:", "n 1", "-n1"])(
    "refuses %j",
    (text) => {
      expect(parseServerRef(text)).toBeUndefined();
    },
  );
});

test("a change names nothing that it does not name", () => {
  expect(serverChangeSchema.parse({})).toEqual({});
  expect(serverChangeSchema.parse({ weight: null })).toEqual({ weight: null });
  expect(serverChangeSchema.safeParse({ off: true }).success).toBe(false);
  expect(vipChangeSchema.parse({})).toEqual({});
  expect(vipChangeSchema.parse({ group: null, prefer: ["n1"] }))
    .toEqual({ group: null, prefer: ["n1"] });
  expect(vipChangeSchema.safeParse({ prefer: ["n 1"] }).success).toBe(false);
  expect(vipChangeSchema.safeParse({ address: "10.0.0.1" }).success).toBe(false);
});
