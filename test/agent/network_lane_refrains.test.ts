/** What the network lane does not do: renew a VIP after standing still, ask where nobody can answer. */
import { expect, test } from "bun:test";
import { CLOCK_GAP_MS, RENEW_MS } from "../../src/core/timing.ts";
import { holding, LAN, VIP } from "../support/cluster_views.ts";
import { NetworkBench } from "../support/network_bench.ts";

test("a holder that was stopped between its decision and its deed renews nothing: the VIP may be another's by now", () => {
  const bench = new NetworkBench({ holds: holding(3) });
  bench.turns(1_000);
  bench.stoppedMs = CLOCK_GAP_MS;
  expect(bench.turns(RENEW_MS + 100, `put ${VIP}/32 on ${LAN}`)).toEqual([]);
  bench.stoppedMs = CLOCK_GAP_MS - 1;
  expect(bench.turns(40, `put ${VIP}/32 on ${LAN}`)).toHaveLength(1);
});

test("the LAN is not asked where no interface reaches the VIP", () => {
  const bench = new NetworkBench();
  bench.turn();
  const { nowMs } = bench.kernel;
  bench.state.witnesses.set(VIP, {
    firstAskedMs: nowMs,
    lastAskedMs: -Infinity,
    asks: 0,
    answeredMs: -Infinity,
    mac: "",
  });
  bench.kernel.addresses = [];
  bench.lane.observe(bench.state, nowMs, true);
  expect(bench.turns(200, "ask")).toEqual([]);
});
