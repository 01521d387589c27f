/**
 * The sync daemons, as the table lane runs them.
 */
import { describe, expect, test } from "bun:test";
import { daemonOf, desiredDaemons } from "../../src/core/desired/desired_daemons.ts";
import type { SyncDaemon } from "../../src/core/table/table.ts";
import { holding, LAN, modelNode, viewOf } from "../support/cluster_views.ts";
import { KEY, SERVICE, TableBench } from "../support/table_bench.ts";

describe("sync daemons", () => {
  const own: SyncDaemon = daemonOf(new TableBench().state);
  const other: SyncDaemon = { ...own, syncId: own.syncId % 255 + 1 };

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
    expect(desiredDaemons(bench.state).backup).toEqual(own);
  });

  test("bypass nothing while the kernel does not have the switch on", () => {
    const bench = new TableBench();
    const bypass = (value: string | null) => {
      bench.bypassSwitch = value;
      bench.kernel.pass(1_000);
      bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
      return bench.facts.at(-1);
    };
    expect(bypass("1")).toEqual({ kind: "bypass", on: true });
    // It was refused, or somebody else has switched it off.
    expect(bypass("0")).toEqual({ kind: "bypass", on: false });
    expect(bypass(null)).toEqual({ kind: "bypass", on: false });
  });

  test("start anew when a setting of theirs changes", () => {
    const bench = new TableBench();
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    bench.kernel.asked();
    bench.set({ "sync-ttl": "3" });
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.asked()).toEqual(["stop backup", `start backup on ${LAN}`]);
    expect(bench.kernel.running.backup).toEqual({ ...own, ttl: 3 });
  });

  test("start anew when a length an earlier run set is to be the kernel's own", () => {
    const bench = new TableBench({ holds: holding(1) }, [SERVICE], {
      settings: { "sync-max-length": "kernel" },
    });
    bench.kernel.running = { master: { ...own, maxLength: 64 }, backup: null };
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.running.master).toEqual(own);
  });

  test("start anew when their length is to be the kernel's own again", () => {
    const bench = new TableBench({ holds: holding(1) });
    for (
      const [length, restarts] of [["1400", 1], ["9000", 1], ["kernel", 1], ["auto", 0]] as const
    ) {
      bench.set({ "sync-max-length": length });
      bench.kernel.pass(1_000);
      bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
      expect(bench.kernel.asked("start master")).toHaveLength(restarts);
      const running = bench.kernel.running.master;
      if (running?.maxLength === null) {
        bench.kernel.running = {
          ...bench.kernel.running,
          master: { ...running, maxLength: 1_472 },
        };
      }
    }
  });

  test("with the length the kernel chose are as wanted", () => {
    const bench = new TableBench();
    bench.kernel.running = { master: null, backup: { ...own, maxLength: 1_472 } };
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    expect(bench.kernel.asked()).toEqual([]);
  });

  test("stop when the node leaves for good, whatever their length", async () => {
    const bench = new TableBench({}, [SERVICE], { settings: { "sync-max-length": "64" } });
    await bench.turn();
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    bench.kernel.running = {
      master: { ...own, maxLength: 64 },
      backup: { ...own, maxLength: 1_024 },
    };
    await bench.lane.restore(bench.state);
    expect(bench.kernel.running).toEqual({ master: null, backup: null });
  });
});

describe("timeouts", () => {
  const apply = async (bench: TableBench) => {
    bench.kernel.pass(1_000);
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    // What waits for the disk.
    await new Promise<void>((resolve) => setImmediate(resolve));
    return bench.kernel.asked("timeouts");
  };

  test("are the kernel's own while nobody set one", async () => {
    expect(await apply(new TableBench())).toEqual([]);
  });

  test("that are set stand beside those that are not, and come back when somebody else changes them", async () => {
    const bench = new TableBench();
    bench.set({ "tcp-timeout": "600" });
    expect(await apply(bench)).toEqual(["timeouts 600 120 300"]);
    expect(await apply(bench)).toEqual([]);
    bench.kernel.timeouts = { tcpS: 1, tcpFinS: 120, udpS: 300 };
    expect(await apply(bench)).toEqual(["timeouts 600 120 300"]);
    bench.set({ "tcp-timeout": "600", "udp-timeout": "20" });
    expect(await apply(bench)).toEqual(["timeouts 600 120 20"]);
  });

  test("that are set no more are as they were before troop", async () => {
    const bench = new TableBench();
    bench.set({ "udp-timeout": "20" });
    await apply(bench);
    bench.set({});
    expect(await apply(bench)).toEqual(["timeouts 900 120 300"]);
    expect(await apply(bench)).toEqual([]);
    // From now on they are somebody else's again.
    bench.kernel.timeouts = { tcpS: 1, tcpFinS: 2, udpS: 3 };
    expect(await apply(bench)).toEqual([]);
  });

  test("are restored when the node leaves for good", async () => {
    const bench = new TableBench();
    await bench.turn();
    bench.set({ "tcpfin-timeout": "5" });
    await apply(bench);
    await bench.lane.restore(bench.state);
    expect(bench.kernel.timeouts).toEqual({ tcpS: 900, tcpFinS: 120, udpS: 300 });
  });

  test("are restored by a later run of the agent, also when it has no rows any more", async () => {
    const killed = new TableBench();
    killed.set({ "tcp-timeout": "600" });
    await apply(killed);
    const bench = new TableBench({}, []);
    await bench.savedTimeouts.set(killed.savedTimeouts.get());
    bench.kernel.timeouts = killed.kernel.timeouts;
    await bench.lane.restore(bench.state);
    expect(bench.kernel.timeouts).toEqual({ tcpS: 900, tcpFinS: 120, udpS: 300 });
    expect(bench.savedTimeouts.get()).toBeNull();
  });

  test("are left alone while the disk cannot remember what they were", async () => {
    const bench = new TableBench();
    const { set } = bench.savedTimeouts;
    bench.savedTimeouts.set = () => Promise.reject(new Error("disk full"));
    bench.set({ "tcp-timeout": "600" });
    expect(await apply(bench)).toEqual([]);
    expect(bench.log.lines()).toEqual(["error: disk full"]);
    bench.savedTimeouts.set = set;
    expect(await apply(bench)).toEqual(["timeouts 600 120 300"]);
  });
});
