import { describe, expect, test } from "bun:test";
import {
  type AddressFacts,
  interfaceFor,
  type LinkFacts,
  placeVip,
} from "../../../src/core/cluster/placement.ts";

/** `10.0.0.1/24 eth0`, as `ip address` lists it. */
function address(text: string): AddressFacts {
  const [cidr = "", name = ""] = text.split(" ");
  const [ip = "", length] = cidr.split("/");
  return { address: ip, prefixLength: Number(length), interface: name };
}

const path = (name: string) => ({ interface: name, address: "10.0.0.1", prefixLength: 24 });
const UP: LinkFacts = { name: "eth0", up: true, carrier: true };

describe("interfaceFor", () => {
  const cases: [
    what: string,
    vip: string,
    addresses: string[],
    paths: string[],
    name: string | null,
  ][] = [
    [
      "the interface whose network has the VIP",
      "10.0.0.100",
      [
        "192.0.2.1/24 eth1",
        "10.0.0.1/24 eth0",
      ],
      [],
      "eth0",
    ],
    ["none, when no network has it", "10.0.1.100", ["10.0.0.1/24 eth0"], ["eth0"], null],
    [
      "the node's primary interface first",
      "10.0.0.100",
      [
        "10.0.0.9/16 eth1",
        "10.0.0.1/24 eth0",
      ],
      ["eth0", "eth1"],
      "eth0",
    ],
    [
      "the node's second path before a foreign interface",
      "10.0.0.100",
      [
        "10.0.0.9/16 eth2",
        "10.0.0.1/24 eth1",
      ],
      ["eth0", "eth1"],
      "eth1",
    ],
    ["never lo", "127.0.0.100", ["127.0.0.1/8 lo"], [], null],
    [
      "not by the VIP itself, wherever it is",
      "10.0.0.100",
      [
        "10.0.0.100/24 eth1",
        "10.0.0.1/24 eth0",
      ],
      [],
      "eth0",
    ],
    ["not by a host prefix", "10.0.0.100", ["10.0.0.1/32 eth0"], [], null],
    ["not by a host prefix of IPv6", "2001:db8::100", ["2001:db8::1/128 eth0"], [], null],
    ["an IPv6 network", "2001:db8::100", ["10.0.0.1/24 eth1", "2001:db8::1/64 eth0"], [], "eth0"],
    ["a small network", "10.0.0.2", ["10.0.0.1/30 eth0"], [], "eth0"],
  ];
  test.each(cases)("chooses %s", (_what, vip, addresses, paths, name) => {
    expect(interfaceFor(vip, {
      links: [],
      addresses: addresses.map(address),
      paths: paths.map(path),
    })).toBe(name);
  });
});

describe("placeVip", () => {
  const cases: [what: string, links: LinkFacts[], unfit: string | null][] = [
    ["an interface that is up", [UP], null],
    ["an interface that is down", [{ ...UP, up: false }], "interface eth0 is down"],
    ["an interface without a cable", [{ ...UP, carrier: false }], "interface eth0 has no carrier"],
    // It was there a moment ago, when its addresses were listed.
    ["an interface that is gone", [], "interface eth0 does not exist"],
  ];
  test.each(cases)("of a VIP on %s", (_what, links, unfit) => {
    const network = { links, addresses: [address("10.0.0.1/24 eth0")], paths: [path("eth0")] };
    expect(placeVip("10.0.0.100", network)).toEqual({
      interface: links.length === 0 ? null : "eth0",
      unfit,
    });
  });

  test("of a VIP out of reach names no interface", () => {
    expect(placeVip("192.0.2.100", {
      links: [UP],
      addresses: [address("10.0.0.1/24 eth0")],
      paths: [path("eth0")],
    })).toEqual({
      interface: null,
      unfit: "no interface of this node has a network that contains it",
    });
  });
});
