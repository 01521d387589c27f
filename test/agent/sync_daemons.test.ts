/**
 * The sync daemons, as the table lane runs them.
 */
import { describe, expect, test } from "bun:test";
import { desiredDaemons, syncIdOf } from "../../src/core/desired.ts";
import { holding, LAN, modelNode, viewOf } from "../support/cluster_views.ts";
import { KEY, SERVICE, TableBench } from "../support/table_bench.ts";

describe("sync daemons", () => {
  const own = { interface: LAN, syncId: syncIdOf("test") };
  const other = { interface: LAN, syncId: own.syncId % 255 + 1 };

  test("of a standby receive, and IPVS is bypassed", () => {
    const bench = new TableBench({ bypassed: false });
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.running).toEqual({ master: null, backup: own });
    expect(bench.facts).toEqual([{ kind: "bypass", on: true }]);
  });

  test("of a new holder send, and of one that lets go receive", () => {
    const bench = new TableBench();
    const apply = () => bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    apply();
    for (
      const [vip, held] of viewOf([modelNode(1, { holds: holding(1) })], 1, { services: [SERVICE] })
        .holds
    ) {
      bench.state.holds.set(vip, held);
    }
    apply();
    expect(bench.kernel.running).toEqual({ master: own, backup: null });
    expect(bench.facts.at(-1)).toEqual({ kind: "bypass", on: false });
    bench.state.holds.clear();
    apply();
    expect(bench.kernel.running).toEqual({ master: null, backup: own });
  });

  test("that are as wanted are asked for once a second, and started again when they are gone", () => {
    const bench = new TableBench();
    const asked: number[] = [];
    const daemons = bench.kernel.table.daemons;
    bench.kernel.table.daemons = () => {
      asked.push(bench.kernel.nowMs);
      return daemons();
    };
    for (let turn = 0; turn < 100; turn++) {
      bench.kernel.pass(20);
      bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
      if (turn === 10) bench.kernel.running = { master: null, backup: null };
    }
    expect(asked).toHaveLength(2);
    expect(bench.kernel.running.backup).toEqual(own);
  });

  test("of another cluster give way where troop has services, for a kernel has one of each", () => {
    const bench = new TableBench();
    bench.kernel.running = { master: other, backup: other };
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.running).toEqual({ master: null, backup: own });
  });

  test.each([
    ["without services", new TableBench({}, [])],
    ["that is no director", new TableBench({ director: false })],
  ])("of others are left alone by a node %s", async (_what, bench) => {
    bench.kernel.running = { master: other, backup: other };
    for (let turn = 0; turn < 100; turn++) {
      bench.kernel.pass(20);
      bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    }
    await bench.lane.restore(bench.state);
    expect(bench.kernel.running).toEqual({ master: other, backup: other });
  });

  test("stop with the last service", () => {
    const bench = new TableBench();
    bench.owned.add([KEY]);
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    bench.drop();
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.running).toEqual({ master: null, backup: null });
  });

  test("of an earlier run stop when its services are gone", () => {
    const bench = new TableBench({}, []);
    bench.owned.add([KEY]);
    bench.kernel.running = { master: own, backup: null };
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.running.master).toBeNull();
  });

  test("that do not start are told once and tried again", () => {
    const bench = new TableBench();
    bench.kernel.failing.set("start backup", "EADDRNOTAVAIL");
    for (let turn = 0; turn < 150; turn++) {
      bench.kernel.pass(20);
      bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    }
    expect(bench.kernel.asked("start")).toHaveLength(3);
    expect(bench.log.lines()).toEqual([`error: start backup on ${LAN}: EADDRNOTAVAIL`]);
    // Without a backup daemon backup_only bypasses nothing.
    expect(bench.facts.at(-1)).toEqual({ kind: "bypass", on: false });
    expect(desiredDaemons(bench.state, LAN).backup).toEqual(own);
  });
});
