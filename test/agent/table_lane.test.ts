import { describe, expect, test } from "bun:test";
import { type Service, serviceKey } from "../../src/core/service/service.ts";
import { TABLE_MS_MAX } from "../../src/core/timing.ts";
import { holding, service } from "../support/cluster_views.ts";
import { KEY, SERVICE, TableBench } from "../support/table_bench.ts";
import { connected, observedRow, ROW, rowServer } from "../support/table_rows.ts";

const FOREIGN = observedRow({ ...ROW, address: "192.0.2.9" });
const FOREIGN_KEY = serviceKey(FOREIGN);

/** So many services on one VIP. */
function many(count: number): Service[] {
  return Array.from({ length: count }, (_, index) => service({ port: 1_000 + index }));
}

describe("a pass", () => {
  test("makes the table what is wanted, and says when it is", async () => {
    const bench = new TableBench({ holds: holding(1) });
    await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(bench.facts).toEqual([{ kind: "tableSettled", version: bench.state.tableVersion }]);
    expect(bench.lane.observed.get(KEY)?.servers).toHaveLength(2);
  });

  test("notes its rows before the kernel has them: they tell whose leftovers are whose", async () => {
    const bench = new TableBench();
    const apply = bench.kernel.table.apply;
    let noted: string[] = [];
    bench.kernel.table.apply = (operations) => {
      noted = bench.owned.keys();
      return apply(operations);
    };
    await bench.turn();
    expect(noted).toEqual([KEY]);
  });

  test("changes only what differs when the state changes, without asking for the table", async () => {
    const bench = new TableBench({ holds: holding(1) });
    await bench.turn();
    bench.kernel.asked();
    bench.serverOfPeer(false);
    await bench.turn();
    expect(bench.kernel.asked()).toEqual([`editServer 10.0.0.2:80 0 of ${KEY}`]);
    // The service and two servers before, and that one.
    expect(bench.lane.changes).toBe(4);
  });

  test("does nothing while nothing changes, but for a look now and then", async () => {
    const bench = new TableBench({ holds: holding(1) });
    await bench.turn();
    const asked = await bench.turns(5_000);
    expect(new Set(asked)).toEqual(new Set(["list table"]));
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(asked.length).toBeLessThanOrEqual(5);
  });

  test("puts back what somebody else took away or changed", async () => {
    const bench = new TableBench({ holds: holding(1) });
    await bench.turn();
    bench.kernel.rows.set(KEY, {
      ...observedRow({ ...ROW, scheduler: "rr", servers: [] }),
      altered: true,
    });
    await bench.turns(1_100);
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(bench.kernel.rows.get(KEY)).toMatchObject({ scheduler: "wlc", altered: false });
    bench.kernel.rows.clear();
    await bench.turns(1_100);
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
  });

  test("looks at a table that takes long less often", async () => {
    const bench = new TableBench({ holds: holding(1) });
    const list = bench.kernel.table.list;
    bench.kernel.table.list = () => {
      bench.kernel.nowMs += 2_000;
      return list();
    };
    await bench.turn();
    expect(await bench.turns(TABLE_MS_MAX - 100, "list")).toEqual([]);
    expect(await bench.turns(200, "list")).toHaveLength(1);
  });
});

describe("rows of others", () => {
  test("stay as they are, whatever troop does", async () => {
    const bench = new TableBench({ holds: holding(1) });
    bench.kernel.rows.set(FOREIGN_KEY, FOREIGN);
    await bench.turns(2_000);
    bench.drop();
    await bench.turns(2_000);
    await bench.lane.restore(bench.state);
    expect([...bench.kernel.rows]).toEqual([[FOREIGN_KEY, FOREIGN]]);
  });

  test("are not even asked for by a node without services", async () => {
    const bench = new TableBench({}, []);
    bench.kernel.rows.set(FOREIGN_KEY, FOREIGN);
    expect(await bench.turns(5_000)).toEqual([]);
  });
});

describe("a row made by hand, of a service that is new here", () => {
  const server = { ...rowServer(0), address: "192.0.2.77" };
  const plain = observedRow({ ...ROW, scheduler: "sh", servers: [server] });
  const byHand = { ...plain, servers: [{ ...server, counters: connected(1) }] };
  const other = service({ port: 8_080 });

  test.each<[string, Service[]]>([
    ["found at the first look", []],
    ["made after it", [other]],
  ])(
    "%s: is taken over, its connections end first, and the log has what it was",
    async (_, had) => {
      const bench = new TableBench({ holds: holding(1) }, had);
      await bench.turns(40);
      bench.kernel.rows.set(KEY, byHand);
      bench.enterServices(...had, SERVICE);
      await bench.turn();
      // Nobody has checked the service's own servers yet.
      expect(bench.weights()).toEqual({ "10.0.0.1": 0, "10.0.0.2": 0, "192.0.2.77": 0 });
      const was = "-A -t 10.0.0.100:80 -s sh; -a -t 10.0.0.100:80 -r 192.0.2.77:80 -g -w 1";
      expect(bench.log.lines()).toEqual([
        "warn: the kernel had a row for 10.0.0.100:80 that is not troop's: taken over, its servers " +
        `are drained; what it was, for \`ipvsadm -R\`: ${was}`,
      ]);
      await bench.turns(3_000);
      expect(bench.log.lines()).toEqual([]);
      bench.kernel.rows.set("tcp/10.0.0.100:81", observedRow({ ...ROW, port: 81 }));
      bench.enterServices(...had, SERVICE, service({ port: 81 }));
      await bench.turns(3_000); // An empty one is nothing lost.
      expect(bench.log.lines()).toEqual([]);
    },
  );
});

describe("rows of an earlier run", () => {
  test("whose service is gone are removed and forgotten", async () => {
    const bench = new TableBench({}, []);
    bench.kernel.rows.set(KEY, observedRow(ROW));
    bench.owned.add([KEY, "tcp/10.0.0.9:9"]);
    await bench.turns(1_200);
    expect(bench.kernel.rows.size).toBe(0);
    expect(bench.owned.keys()).toEqual([]);
    expect(await bench.turns(3_000)).toEqual([]);
  });

  test("are removed by a node that is no director any more: its table would balance what others forward", async () => {
    const bench = new TableBench({ director: false });
    bench.kernel.rows.set(KEY, observedRow(ROW));
    bench.kernel.rows.set(FOREIGN_KEY, FOREIGN);
    bench.owned.add([KEY]);
    await bench.turns(1_200);
    expect([...bench.kernel.rows.keys()]).toEqual([FOREIGN_KEY]);
    expect(bench.owned.keys()).toEqual([]);
  });

  test("are none of a real server that never was a director", async () => {
    const bench = new TableBench({ director: false });
    expect(await bench.turns(3_000)).toEqual([]);
  });
});

describe("an operation that fails", () => {
  function failing(request: string): TableBench {
    const bench = new TableBench({ holds: holding(1) }, [SERVICE, service({ port: 81 })]);
    bench.kernel.failing.set(request, "ENOENT");
    return bench;
  }

  test("is tried again after a pause, not in a busy loop, and told once", async () => {
    const bench = failing(`addServer 10.0.0.2:80 1 of ${KEY}`);
    const tried = await bench.turns(5_000, "addServer 10.0.0.2:80");
    expect(tried.length).toBeGreaterThanOrEqual(4);
    expect(tried.length).toBeLessThanOrEqual(6);
    expect(bench.log.lines()).toEqual([
      `error: addServer 10.0.0.2:80 1 of ${KEY}: ENOENT`,
    ]);
    bench.kernel.failing.clear();
    await bench.turns(1_200);
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(bench.log.lines()).toEqual([`info: add server 10.0.0.2:80 of ${KEY}: works again`]);
  });

  test("is tried again after a pause even where the table is seldom looked at", async () => {
    const bench = failing("addServer 10.0.0.2:81");
    const list = bench.kernel.table.list;
    bench.kernel.table.list = () => {
      bench.kernel.nowMs += 500;
      return list();
    };
    await bench.turn();
    bench.kernel.failing.clear();
    await bench.turns(1_100);
    expect(bench.kernel.rows.get("tcp/10.0.0.100:81")?.servers).toHaveLength(2);
  });

  test("does not hold up what can be done", async () => {
    const bench = failing("addServer 10.0.0.2:81");
    await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    bench.serverOfPeer(false);
    await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
    bench.serverOfPeer(true);
    await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
  });

  test("is no settled table: a VIP let go is claimed until the table is local", async () => {
    const bench = new TableBench({ holds: holding(1) });
    await bench.turn();
    const held = bench.state.holds.get(SERVICE.address);
    if (held !== undefined) held.phase = "settling";
    bench.state.tableVersion++;
    bench.kernel.failing.set("editServer 10.0.0.2:80 0", "EPERM");
    await bench.turns(900);
    expect(held?.phase).toBe("settling");
    bench.kernel.failing.clear();
    await bench.turns(300);
    expect(held?.phase).toBe("lingering");
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
  });

  test("keeps the kernel being asked, however often the state changes", async () => {
    const bench = failing("addServer 10.0.0.2:81");
    await bench.turn();
    bench.kernel.asked();
    for (let turn = 0; turn < 200; turn++) {
      bench.serverOfPeer(turn % 2 === 0);
      await bench.turn();
    }
    expect(bench.kernel.asked("list table").length).toBeGreaterThanOrEqual(3);
  });

  test("of the whole table is told once and tried again after a pause", async () => {
    const bench = new TableBench({ holds: holding(1) });
    bench.kernel.failing.set("list table", "ENOBUFS");
    const tried = await bench.turns(5_000, "list");
    expect(tried.length).toBeGreaterThanOrEqual(4);
    expect(tried.length).toBeLessThanOrEqual(6);
    expect(bench.log.lines()).toEqual(["error: list table: ENOBUFS"]);
    bench.kernel.failing.clear();
    await bench.turns(1_200);
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(bench.log.lines()).toEqual(["info: reconcile table: works again"]);
  });
});

describe("a state that changes during a pass", () => {
  test("makes the pass begin again, and only the newest wish is settled", async () => {
    const services = [SERVICE, ...many(300)];
    const bench = new TableBench({ holds: holding(1) }, services);
    const apply = bench.kernel.table.apply;
    const sizes: number[] = [];
    bench.kernel.table.apply = (operations) => {
      if (sizes.length === 0) bench.serverOfPeer(false);
      sizes.push(operations.length);
      return apply(operations);
    };
    await bench.turn();
    // One batch of the old wish; the rest is planned anew.
    expect(sizes).toHaveLength(1);
    expect(bench.facts).toEqual([]);
    for (let turn = 0; turn < 5; turn++) await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
    expect(bench.kernel.rows.size).toBe(301);
    expect(bench.facts).toEqual([{ kind: "tableSettled", version: bench.state.tableVersion }]);
  });

  test("is noticed while a long plan is made", async () => {
    const bench = new TableBench({ holds: holding(1) }, [SERVICE, ...many(50)]);
    let calls = 0;
    const { now } = bench.kernel.clock;
    // Every look at the clock takes a while, so the lane lets others work.
    bench.kernel.clock.now = () => now() + calls++ * 3;
    let pauses = 0;
    bench.onPause = () => {
      if (++pauses === 1) bench.serverOfPeer(false);
    };
    await bench.turn();
    expect(pauses).toBe(1);
    expect(bench.facts).toEqual([]);
    for (let turn = 0; turn < 5; turn++) await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
    expect(bench.kernel.rows.size).toBe(51);
  });
});

describe("restore", () => {
  test("removes every row and daemon of troop's", async () => {
    const bench = new TableBench({ holds: holding(1) });
    bench.kernel.rows.set(FOREIGN_KEY, FOREIGN);
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    await bench.turn();
    await bench.lane.restore(bench.state);
    expect([...bench.kernel.rows.keys()]).toEqual([FOREIGN_KEY]);
    expect(bench.kernel.running).toEqual({ master: null, backup: null });
    expect(bench.owned.keys()).toEqual([]);
  });

  test("asks nothing of a kernel that has nothing of troop's: it may lack IPVS", async () => {
    const bench = new TableBench({ director: false });
    bench.kernel.failing.set("list table", "ENOENT");
    bench.kernel.failing.set("daemons", "ENOENT");
    await bench.lane.restore(bench.state);
    expect(bench.kernel.asked()).toEqual([]);
    expect(bench.log.lines()).toEqual([]);
  });

  test("does what it can, tells what it cannot, and never rejects", async () => {
    const bench = new TableBench({ holds: holding(1) }, [SERVICE, service({ port: 81 })]);
    bench.lane.applyDaemons(bench.state, bench.kernel.nowMs);
    await bench.turn();
    bench.kernel.failing.set(`removeService ${KEY}`, "EPERM");
    bench.kernel.failing.set("stop master", "EPERM");
    await bench.lane.restore(bench.state);
    expect([...bench.kernel.rows.keys()]).toEqual([KEY]);
    expect(bench.log.lines()).toEqual([
      `error: removeService ${KEY}: EPERM`,
      "error: stop master: EPERM",
    ]);
    const blind = new TableBench({ holds: holding(1) });
    await blind.turn();
    blind.kernel.failing.set("list table", "EPERM");
    blind.owned.delete = () => Promise.reject(new Error("disk full"));
    await blind.lane.restore(blind.state);
    expect(blind.log.lines()).toEqual(["error: list table: EPERM", "error: disk full"]);
  });
});
