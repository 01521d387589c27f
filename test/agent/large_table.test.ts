/**
 * The table's lane with many rows of which few change: what is new does not wait for the rest.
 */
import { describe, expect, test } from "bun:test";
import { NO_CHECK } from "../../src/core/check.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import { step } from "../../src/core/step.ts";
import { TABLE_MS_MAX } from "../../src/core/timing.ts";
import { holding, machine, serverEntry, service } from "../support/cluster_views.ts";
import { KEY, SERVICE, TableBench } from "../support/table_bench.ts";

describe("a large table of which little changes", () => {
  const unchecked = (port: number, weight = 1) =>
    service({ port, weight, members: false, check: NO_CHECK });
  /** Services of machines that nobody checks, and behind them one with members. */
  const services = [...Array.from({ length: 50 }, (_, index) => unchecked(1_000 + index)), SERVICE];
  const servers = services.slice(0, -1).map((one) =>
    serverEntry(machine(9), { service: serviceKey(one) })
  );

  /** A bench whose every look at the clock takes a while, so the lane lets others work after each second row. */
  function slow(): TableBench {
    const bench = new TableBench({ holds: holding(1) }, services, { servers });
    let calls = 0;
    const { now } = bench.kernel.clock;
    bench.kernel.clock.now = () => now() + calls++ * 3;
    return bench;
  }

  test("costs only the rows that a node's server is in, when that goes down", async () => {
    const bench = slow();
    await bench.turn();
    bench.kernel.asked();
    let pauses = 0;
    bench.onPause = () => pauses++;
    bench.serverOfPeer(false);
    await bench.turn();
    expect(bench.kernel.asked()).toEqual([`editServer 10.0.0.2:80 0 of ${KEY}`]);
    expect(pauses).toBeLessThanOrEqual(1);
  });

  test("gets what an operator changes before every row is compared with the kernel", async () => {
    const bench = slow();
    await bench.turn();
    const changed = unchecked(1_049, 7);
    const { document } = bench.state;
    const services = new Map([...document.services, [serviceKey(changed), changed]]);
    step(bench.state, { kind: "document", document: { ...document, services } }, 0);
    bench.kernel.asked();
    const asked: string[][] = [];
    bench.onPause = () => asked.push(bench.kernel.asked());
    await bench.turn(TABLE_MS_MAX);
    expect(asked.length).toBeGreaterThan(10);
    const [first = [], ...others] = asked;
    expect(first.at(-1)).toBe(`editServer 10.0.0.9:80 7 of ${serviceKey(changed)}`);
    expect(others.flat()).toEqual([]);
  });

  test("is complete in the end however often the state changes: passes go on where they were interrupted", async () => {
    const bench = slow();
    let up = true;
    bench.onPause = () => bench.serverOfPeer(up = !up);
    for (let turn = 0; turn < services.length; turn++) await bench.turn();
    expect(bench.kernel.rows.size).toBe(services.length);
    bench.onPause = () => {};
    bench.serverOfPeer(true);
    await bench.turn();
    expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
    expect(bench.facts.at(-1)).toEqual({
      kind: "tableSettled",
      version: bench.state.tableVersion,
    });
  });
});
