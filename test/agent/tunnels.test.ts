/**
 * The ends of tunnels, as the network lane sets them up.
 */
import { describe, expect, test } from "bun:test";
import { service } from "../support/cluster_views.ts";
import { NetworkBench } from "../support/network_bench.ts";

describe("tunnels", () => {
  const gue = { kind: "gue", port: 6_080, checksum: "none" } as const;
  const services = [service({ forwarding: "tunnel", tunnel: gue })];

  test("are there before their switches are set, and once", () => {
    const bench = new NetworkBench({}, { services });
    bench.kernel.switches.set("net.ipv4.conf.tunl0.rp_filter", "1");
    bench.turn();
    const asked = bench.kernel.asked();
    const at = (request: string) => asked.indexOf(request);
    expect(at("tunnel tunl0")).toBe(0);
    expect(at("gue 6080 4")).toBe(1);
    expect(at("switch net.ipv4.conf.tunl0.rp_filter = 2")).toBeGreaterThan(1);
    expect(bench.turns(3_000, "tunnel")).toEqual([]);
  });

  test("that somebody took away come back", () => {
    const bench = new NetworkBench({}, { services });
    bench.turn();
    bench.kernel.tunnelsUp.clear();
    expect(bench.turns(1_100, "tunnel")).toEqual(["tunnel tunl0"]);
  });

  test("that cannot be had are told once, and tried again", () => {
    const bench = new NetworkBench({}, { services });
    bench.kernel.switches.set("net.ipv4.conf.tunl0.rp_filter", "2");
    bench.kernel.failing.set("tunnel tunl0", "ENODEV");
    expect(bench.turns(3_000, "tunnel").length).toBeGreaterThanOrEqual(3);
    expect(bench.log.lines()).toEqual(["error: tunnel tunl0: ENODEV"]);
    bench.kernel.failing.clear();
    expect(bench.turns(1_100, "tunnel")).toEqual(["tunnel tunl0"]);
  });

  test("are undone when the node leaves for good", () => {
    const bench = new NetworkBench({}, { services });
    bench.turn();
    bench.lane.restore();
    expect(bench.kernel.tunnelsUp.size).toBe(0);
  });
});
