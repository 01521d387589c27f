import { describe, expect, test } from "bun:test";
import { servesService, type Socket } from "../../../src/core/pool/listeners.ts";
import type { WatchPoint } from "../../../src/core/desired/receiving.ts";
import { parseServiceName } from "../../../src/core/service/service.ts";

const V4 = "192.168.6.240:80";
const V6 = "[2001:db8::240]:80";

/** `ADDRESS` or `ADDRESS!` (v6only), TCP port 80 unless given. */
function socket(text: string, other: Partial<Socket> = {}): Socket {
  const v6only = text.endsWith("!");
  return { protocol: "tcp", address: text.replace("!", ""), port: 80, v6only, ...other };
}

/** The socket that a service with direct routing needs. */
function pointOf(name: string): WatchPoint {
  const service = parseServiceName(name);
  if (service === undefined || service.protocol === "fwm") {
    throw new Error(`"${name}" has no socket of its own`);
  }
  return { ...service, place: "the VIP" };
}

describe("servesService", () => {
  const cases: [what: string, service: string, sockets: Socket[], up: boolean, reason: string][] = [
    ["every IPv4 address", V4, [socket("0.0.0.0")], true, "listens on 0.0.0.0"],
    ["the VIP", V4, [socket("192.168.6.240")], true, "listens on 192.168.6.240"],
    ["every address, both families", V4, [socket("::")], true, "listens on ::"],
    [
      "IPv6 alone for an IPv4 VIP",
      V4,
      [socket("::!")],
      false,
      "listens on :: (IPv6) only, not on the VIP",
    ],
    ["IPv6 alone for an IPv6 VIP", V6, [socket("::!")], true, "listens on ::"],
    ["both families for an IPv6 VIP", V6, [socket("::")], true, "listens on ::"],
    [
      "IPv4 alone for an IPv6 VIP",
      V6,
      [socket("0.0.0.0")],
      false,
      "listens on 0.0.0.0 only, not on the VIP",
    ],
    [
      "the own address, which direct routing never delivers to",
      V4,
      [socket("192.168.6.4")],
      false,
      "listens on 192.168.6.4 only, not on the VIP",
    ],
    ["loopback", V4, [socket("127.0.0.1")], false, "listens on 127.0.0.1 only, not on the VIP"],
    [
      "another VIP",
      V4,
      [socket("192.168.6.241")],
      false,
      "listens on 192.168.6.241 only, not on the VIP",
    ],
    [
      "own address and the VIP",
      V4,
      [socket("192.168.6.4"), socket("192.168.6.240")],
      true,
      "listens on 192.168.6.240",
    ],
    [
      "many others, each named once, three shown",
      V4,
      ["10.0.0.4", "10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.1"].map((text) => socket(text)),
      false,
      "listens on 10.0.0.1, 10.0.0.2, 10.0.0.3, … only, not on the VIP",
    ],
    [
      "another port",
      V4,
      [socket("0.0.0.0", { port: 81 })],
      false,
      "nothing listens on tcp port 80",
    ],
    [
      "another protocol",
      V4,
      [socket("0.0.0.0", { protocol: "udp" })],
      false,
      "nothing listens on tcp port 80",
    ],
    ["UDP", `${V4}/udp`, [socket("0.0.0.0", { protocol: "udp" })], true, "listens on 0.0.0.0"],
    ["nothing", V4, [], false, "nothing listens on tcp port 80"],
  ];
  test.each(cases)("%s", (_what, name, sockets, up, reason) => {
    expect(servesService(sockets, pointOf(name))).toEqual({ up, reason });
  });

  test("names the place that is meant: with NAT it is the node's own address", () => {
    const point = { ...pointOf(V4), address: "192.168.6.4", place: "its own address" } as const;
    expect(servesService([socket("192.168.6.4")], point))
      .toEqual({ up: true, reason: "listens on 192.168.6.4" });
    expect(servesService([socket("192.168.6.240")], point))
      .toEqual({ up: false, reason: "listens on 192.168.6.240 only, not on its own address" });
  });
});
