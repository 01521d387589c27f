/** Reading what a machine tells about itself, from the kernel's own texts. */
import { describe, expect, test } from "bun:test";
import { homeIn } from "../../../src/core/home.ts";
import {
  hostFactsOf,
  type HostSources,
  readHostFacts,
} from "../../../src/shell/files/host_facts.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     768      14    0    0    0     0          0         0      768      14    0    0    0     0       0          0
  eth0: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0
  eth1:1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0
`;
const ROUTE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth2\t00000000\t00000000\t0002\t0\t0\t0\t00000000\t0\t0\t0
eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const zero = "0".repeat(32);
const ROUTE6 =
  `20010db8000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0
${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1
${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo
`;

function machine(files: Record<string, string>): HostSources {
  return {
    readText: (path) => files[path] ?? null,
    hostname: () => "n1.example.org",
    interfaces: {
      lo: [{ address: "127.0.0.1" }, { address: "::1" }],
      eth0: [{ address: "192.0.2.11" }, { address: "fe80::1" }, { address: "2001:db8::11" }],
    },
  };
}

describe("readHostFacts", () => {
  test("lists interfaces that are down too, and only addresses others can use", () => {
    expect(readHostFacts(machine({ "/proc/net/dev": DEV }))).toEqual({
      hostname: "n1.example.org",
      links: [
        { name: "eth0", addresses: ["192.0.2.11", "2001:db8::11"] },
        { name: "eth1", addresses: [] },
      ],
      defaultInterface: null,
    });
  });

  test("finds the default route with the lowest metric among those in use", () => {
    const facts = readHostFacts(
      machine({ "/proc/net/route": ROUTE, "/proc/net/ipv6_route": ROUTE6 }),
    );
    expect(facts.defaultInterface).toBe("eth0");
  });

  test("finds the IPv6 default route where there is no other, and not the one that refuses", () => {
    const facts = readHostFacts(machine({ "/proc/net/ipv6_route": ROUTE6 }));
    expect(facts.defaultInterface).toBe("eth1");
  });

  test("reads this machine", async () => {
    const facts = await hostFactsOf(homeIn(tempFolder()));
    expect(facts.hostname).not.toBe("");
    expect(facts.links.map((link) => link.name)).not.toContain("lo");
  });
});
