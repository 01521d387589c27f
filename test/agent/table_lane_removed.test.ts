/** How a server that was removed goes from the table: drained, then removed. */
import { describe, expect, test } from "bun:test";
import { NO_CHECK } from "../../src/core/check.ts";
import { holding, machine, serverEntry } from "../support/cluster_views.ts";
import { KEY, SERVICE, TableBench } from "../support/table_bench.ts";
import { connected } from "../support/table_rows.ts";

describe("a server that was removed", () => {
  const entry = serverEntry(machine(21));
  const server = "10.0.0.21";

  /** A holder with a machine beside its members, which has so many connections. */
  async function begun(connections: number): Promise<TableBench> {
    const bench = new TableBench({ holds: holding(1) }, [{ ...SERVICE, check: NO_CHECK }]);
    bench.enter([entry]);
    await bench.turn();
    count(bench, connections);
    bench.kernel.asked();
    return bench;
  }

  function count(bench: TableBench, connections: number): void {
    const row = bench.kernel.rows.get(KEY);
    if (row === undefined) throw new Error("no row");
    const servers = row.servers.map((item) =>
      item.address === server ? { ...item, counters: connected(connections) } : item
    );
    bench.kernel.rows.set(KEY, { ...row, servers });
  }

  test("gets no new connections at once, and stays while it has some", async () => {
    const bench = await begun(2);
    bench.enter([]);
    await bench.turn();
    expect(bench.kernel.asked()).toEqual([`editServer ${server}:80 0 of ${KEY}`]);
    expect(await bench.turns(10_000, "removeServer")).toEqual([]);
    count(bench, 0);
    // Idle at one look may be news that is still under way.
    expect(await bench.turns(1_100, "removeServer")).toEqual([]);
    expect(await bench.turns(1_100, "removeServer")).toEqual([
      `removeServer ${server}:80 of ${KEY}`,
    ]);
  });

  test("is not taken for idle before the kernel has counted again", async () => {
    const bench = await begun(2);
    bench.enter([]);
    await bench.turn();
    // Whatever else changes: what was counted last was counted while it still got connections.
    bench.serverOfPeer(false);
    await bench.turn();
    bench.serverOfPeer(true);
    await bench.turn();
    expect(bench.kernel.asked("removeServer")).toEqual([]);
    expect(bench.weights()[server]).toBe(0);
  });

  test("goes at once when it is dropped", async () => {
    const bench = await begun(2);
    bench.enter([{ ...entry, off: true }]);
    await bench.turn();
    expect(bench.kernel.asked()).toEqual([`removeServer ${server}:80 of ${KEY}`]);
  });

  test("is settled while it drains: a VIP is let go in the meantime", async () => {
    const bench = await begun(2);
    bench.enter([]);
    await bench.turn();
    expect(bench.facts.at(-1)).toEqual({
      kind: "tableSettled",
      version: bench.state.tableVersion,
    });
  });
});
