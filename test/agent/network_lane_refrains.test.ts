/** What the network lane does not do: renew a VIP after standing still, ask where nobody can answer. */
import { expect, test } from "bun:test";
import { CLOCK_GAP_MS, RENEW_MS } from "../../src/core/timing.ts";
import { holding, LAN, VIP } from "../support/cluster_views.ts";
import { NetworkBench } from "../support/network_bench.ts";

const ARP = `net.ipv4.conf.${LAN}`;

test("a holder that was stopped between its decision and its deed renews nothing: the VIP may be another's by now", () => {
  const bench = new NetworkBench({ holds: holding(3) });
  bench.turns(1_000);
  bench.stoppedMs = CLOCK_GAP_MS;
  expect(bench.turns(RENEW_MS + 100, `put ${VIP}/32 on ${LAN}`)).toEqual([]);
  bench.stoppedMs = CLOCK_GAP_MS - 1;
  expect(bench.turns(40, `put ${VIP}/32 on ${LAN}`)).toHaveLength(1);
});

test("a VIP that went while the holder stood still is put back only when it has heard the others", () => {
  const bench = new NetworkBench({ holds: holding(3) });
  bench.turns(1_000);
  const { deadMs } = bench.state.self;
  bench.state.trustedFromMs = bench.kernel.nowMs;
  bench.kernel.addresses = bench.kernel.addresses.filter(({ address }) => address !== VIP);
  bench.lane.observe(bench.state, bench.kernel.nowMs, true);
  expect(bench.turns(deadMs - 100, `put ${VIP}/32 on ${LAN}`)).toEqual([]);
  expect(bench.turns(200, `put ${VIP}/32 on ${LAN}`)).toHaveLength(1);
});

test("the LAN is not asked where no interface reaches the VIP", () => {
  const bench = new NetworkBench();
  bench.turn();
  const { nowMs } = bench.kernel;
  bench.state.witnesses.set(VIP, {
    lastAskedMs: -Infinity,
    asks: 0,
    mac: null,
  });
  bench.kernel.addresses = [];
  bench.lane.observe(bench.state, nowMs, true);
  expect(bench.turns(200, "ask")).toEqual([]);
});

test("no switch is touched, and no VIP put on lo, before the disk remembers what it was", () => {
  const bench = new NetworkBench();
  const before = new Map(bench.kernel.switches);
  const waiting: (readonly [string, string])[] = [];
  const { save } = bench.saved;
  bench.saved.save = (values) => {
    waiting.push(...values);
    return new Promise(() => {});
  };
  for (let turn = 0; turn < 5; turn++) bench.turn();
  expect(bench.kernel.switches).toEqual(before);
  expect(bench.kernel.where(VIP)).toEqual([]);
  expect(new Map(waiting).get(`${ARP}.arp_ignore`)).toBe("0");
  void save(waiting);
  bench.turn();
  expect(bench.kernel.switches.get(`${ARP}.arp_ignore`)).toBe("1");
  expect(bench.kernel.where(VIP)).toEqual(["lo"]);
});
