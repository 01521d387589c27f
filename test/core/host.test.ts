import { describe, expect, test } from "bun:test";
import { choosePlace, type HostFacts, nodeNameFrom } from "../../src/core/host.ts";

const facts: HostFacts = {
  hostname: "n1",
  defaultInterface: "eth1",
  links: [
    { name: "eth0", addresses: ["2001:db8::11", "192.0.2.11"] },
    { name: "eth1", addresses: ["198.51.100.11", "198.51.100.12"] },
    { name: "wlan0", addresses: [] },
  ],
};
const noRoute: HostFacts = { ...facts, defaultInterface: null };
const list =
  "eth0 (2001:db8::11 192.0.2.11), eth1 (198.51.100.11 198.51.100.12), wlan0 (no address)";

describe("choosePlace chooses", () => {
  test.each(
    [
      ["the interface with the default route", facts, {}, "eth1", "198.51.100.11"],
      ["the interface asked for, IPv4 first", facts, { interface: "eth0" }, "eth0", "192.0.2.11"],
      [
        "the address asked for",
        facts,
        { interface: "eth0", address: "2001:db8::11" },
        "eth0",
        "2001:db8::11",
      ],
      [
        "the interface of the address",
        facts,
        { address: "198.51.100.12" },
        "eth1",
        "198.51.100.12",
      ],
      [
        "an address in another spelling",
        facts,
        { address: "2001:DB8:0::11" },
        "eth0",
        "2001:db8::11",
      ],
      [
        "the only interface with an address",
        { ...noRoute, links: facts.links.slice(1) },
        {},
        "eth1",
        "198.51.100.11",
      ],
    ] as const,
  )("%s", (_, machine, wanted, link, address) => {
    expect(choosePlace(machine, wanted)).toEqual({ interface: link, address });
  });
});

describe("choosePlace refuses", () => {
  test.each(
    [
      [
        "an interface that is not there",
        facts,
        { interface: "eth9" },
        `interface "eth9" does not exist`,
        `use one of this machine: ${list}`,
      ],
      [
        "an interface without an address",
        facts,
        { interface: "wlan0" },
        `interface "wlan0" has no address that other machines can use`,
        `give it one (ip address add IP/LENGTH dev wlan0), or choose with --interface: ${list}`,
      ],
      [
        "an address of another interface",
        facts,
        { interface: "eth0", address: "198.51.100.11" },
        `address "198.51.100.11" is not on eth0`,
        `use an address of this machine: ${list}`,
      ],
      [
        "an address nobody has",
        facts,
        { address: "203.0.113.1" },
        `no interface has the address "203.0.113.1"`,
        `use an address of this machine: ${list}`,
      ],
      [
        "what is no address",
        facts,
        { address: "eth0" },
        `"eth0" is not an IPv4 or IPv6 address`,
        `use an address of this machine: ${list}`,
      ],
      [
        "to guess between two",
        noRoute,
        {},
        "more than one interface could be meant, and none has the default route",
        "choose with --interface: eth0 (2001:db8::11 192.0.2.11), eth1 (198.51.100.11 198.51.100.12)",
      ],
      [
        "a machine without addresses",
        { ...facts, links: [] },
        {},
        "no interface has an address that other machines can use",
        "give this machine an address first (ip address add IP/LENGTH dev INTERFACE)",
      ],
    ] as const,
  )("%s", (_, machine, wanted, problem, remedy) => {
    expect(choosePlace(machine, wanted)).toEqual({ problem, remedy });
  });
});

test.each([
  ["n1", "n1"],
  ["n1.example.org", "n1"],
  ["web server", "web-server"],
  ["_-n1", "n1"],
  ["é", undefined],
  ["", undefined],
  ["x".repeat(80), "x".repeat(63)],
])("nodeNameFrom(%j) is %j", (hostname, name) => {
  expect(nodeNameFrom(hostname)).toBe(name as string);
});
