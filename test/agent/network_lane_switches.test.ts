/**
 * Switches of the kernel that the network lane sets, and what leaving puts back.
 */
import { describe, expect, test } from "bun:test";
import { holding, LAN, VIP } from "../support/cluster_views.ts";
import { NetworkBench } from "../support/network_bench.ts";

const ARP = `net.ipv4.conf.${LAN}`;

describe("switches", () => {
  test("that are strict enough already stay as somebody set them", () => {
    const bench = new NetworkBench();
    bench.kernel.switches.set(`${ARP}.arp_ignore`, "2");
    bench.turn();
    expect(bench.kernel.switches.get(`${ARP}.arp_ignore`)).toBe("2");
    expect(bench.saved.entries().map(([name]) => name)).not.toContain(`${ARP}.arp_ignore`);
  });

  test("that somebody sets back are set again", () => {
    const bench = new NetworkBench();
    bench.turn();
    bench.kernel.switches.set(`${ARP}.arp_ignore`, "0");
    expect(bench.turns(1_100, "switch")).toEqual([`switch ${ARP}.arp_ignore = 1`]);
  });

  test("that the kernel does not have are told, once, and hold up nothing", () => {
    const bench = new NetworkBench();
    bench.kernel.switches.delete("net.ipv4.vs.sync_refresh_period");
    bench.turns(3_000);
    expect(bench.log.lines()).toEqual([
      "error: set switch net.ipv4.vs.sync_refresh_period: the kernel does not have it",
    ]);
    expect(bench.kernel.where(VIP)).toEqual(["lo"]);
  });

  test("are remembered as they were before the first change", () => {
    const bench = new NetworkBench();
    bench.turn();
    bench.take();
    bench.turn();
    expect(new Map(bench.saved.entries()).get("net.ipv4.vs.backup_only")).toBe("0");
    // conn_reuse_mode, sync_threshold, sync_refresh_period, two of expire, and two of ARP: all but sloppy_tcp.
    expect(bench.saved.entries()).toHaveLength(8);
  });
});

describe("restore", () => {
  test("takes the VIPs away, then puts every switch back", async () => {
    const bench = new NetworkBench({ holds: holding(1) });
    const before = new Map(bench.kernel.switches);
    bench.turn();
    bench.kernel.asked();
    await bench.lane.restore();
    expect(bench.kernel.switches).toEqual(before);
    expect(bench.kernel.where(VIP)).toEqual([]);
    expect(bench.saved.entries()).toEqual([]);
    const asked = bench.kernel.asked();
    expect(asked.findIndex((request) => request.startsWith("switch")))
      .toBeGreaterThan(asked.findLastIndex((request) => request.startsWith("remove")));
  });

  test("puts back switches that an earlier run changed", async () => {
    const bench = new NetworkBench();
    await bench.saved.save([["net.ipv4.vs.backup_only", "1"]]);
    await bench.lane.restore();
    expect(bench.kernel.switches.get("net.ipv4.vs.backup_only")).toBe("1");
  });

  test("does what it can", async () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.turn();
    bench.kernel.failing.set(`remove ${VIP}/32 from ${LAN}`, "EPERM");
    bench.kernel.failing.set(`switch ${ARP}.arp_ignore`, "EACCES");
    bench.saved.clear = () => Promise.reject(new Error("disk full"));
    await bench.lane.restore();
    expect(bench.kernel.where(VIP)).toEqual([LAN]);
    expect(bench.kernel.switches.get(`${ARP}.arp_announce`)).toBe("0");
    expect(bench.log.lines()).toEqual([
      `error: remove ${VIP}/32 from ${LAN}: EPERM`,
      `error: switch ${ARP}.arp_ignore = 0: EACCES`,
      "error: disk full",
    ]);
  });
});
