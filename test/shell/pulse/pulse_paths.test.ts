/** Which path talks to which. */
import { describe, expect, test } from "bun:test";
import type { Path } from "../../../src/core/cluster/record.ts";
import { pulseWays } from "../../../src/shell/pulse/pulse_paths.ts";

function path(text: string): Path {
  const [address = "", prefix] = text.split("/");
  return { interface: "eth0", address, prefixLength: Number(prefix) };
}

describe("pulseWays", () => {
  const cases = [
    {
      name: "uses both paths, each in its own network, whatever the order at the peer",
      own: ["192.0.2.1/24", "10.0.0.1/24"],
      peer: ["10.0.0.2/24", "192.0.2.2/24"],
      ways: ["192.0.2.1 192.0.2.2", "10.0.0.1 10.0.0.2"],
    },
    {
      name: "reaches a peer behind a router from the primary path alone",
      own: ["192.0.2.1/24", "10.0.0.1/24"],
      peer: ["198.51.100.2/24", "10.9.9.2/24"],
      ways: ["192.0.2.1 198.51.100.2"],
    },
    {
      name: "keeps a common private network when the primary ones are apart",
      own: ["192.0.2.1/24", "10.0.0.1/24"],
      peer: ["198.51.100.2/24", "10.0.0.2/24"],
      ways: ["192.0.2.1 198.51.100.2", "10.0.0.1 10.0.0.2"],
    },
    {
      name: "finds the common network when only the peer's prefix shows it",
      own: ["192.0.2.1/24", "10.0.0.1/32"],
      peer: ["192.0.2.2/24", "10.0.0.2/24"],
      ways: ["192.0.2.1 192.0.2.2", "10.0.0.1 10.0.0.2"],
    },
    {
      name: "falls back to an address of the own family",
      own: ["192.0.2.1/24"],
      peer: ["2001:db8::2/64", "198.51.100.2/24"],
      ways: ["192.0.2.1 198.51.100.2"],
    },
    {
      name: "has no way without a common family",
      own: ["192.0.2.1/24"],
      peer: ["2001:db8::2/64"],
      ways: [],
    },
    {
      name: "works over IPv6",
      own: ["2001:db8::1/64"],
      peer: ["2001:db8::2/64"],
      ways: ["2001:db8::1 2001:db8::2"],
    },
  ];
  for (const { name, own, peer, ways } of cases) {
    test(name, () => {
      const found = pulseWays(own.map(path), peer.map(path));
      expect(found.map(({ from, to }) => `${from.address} ${to}`)).toEqual(ways);
    });
  }
});
