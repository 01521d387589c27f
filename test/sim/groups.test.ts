/**
 * VIPs that are held together, on whole simulated clusters.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Ip } from "../../src/core/address.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { IPIP } from "../../src/core/service/forwarding.ts";
import { FUNNEL_MS, LINGER_MS } from "../../src/core/timing.ts";
import {
  idOf,
  machine,
  markService,
  serverEntry,
  service,
  VIP,
  vipEntry,
} from "../support/cluster_views.ts";
import {
  broken,
  faults,
  type Run,
  type RunOptions,
  RUNS,
  SERVICE,
  serving,
  strike,
  weights,
} from "./sim_run.ts";

const SECOND = "10.0.0.101";
const THIRD = "10.0.0.102";
const GROUP: readonly Ip[] = [VIP, SECOND];

/** Two VIPs in one group, one outside of it; every forwarding method, a mark over the group, a machine without an agent. */
const outside = service({ address: SECOND, port: 443, check: { ...SERVICE.check, port: 80 } });
const services = [
  SERVICE,
  outside,
  service({ address: SECOND, forwarding: "nat", serverPort: 8_080 }),
  markService({ vips: [...GROUP], ports: [{ protocol: "tcp", first: 21, last: 22 }] }),
  service({ address: THIRD, forwarding: "tunnel", tunnel: IPIP }),
];
const EDITS: Edit[] = [
  ...GROUP.map((address): Edit => ({ kind: "putVip", vip: vipEntry({ address, group: "web" }) })),
  {
    kind: "putServer",
    server: serverEntry(machine(21, 443), { service: "tcp/10.0.0.101:443", weight: 2 }),
  },
];

function grouped(options: RunOptions = {}): Promise<Run> {
  return serving({ services, edits: EDITS, machines: ["10.0.0.21"], ...options });
}

function holdersOf(run: Run): string[][] {
  return GROUP.map((vip) => run.cluster.holders(vip));
}

describe("VIPs of one group", () => {
  test("are held by one node, whose tables have everything", async () => {
    const run = await grouped();
    expect(holdersOf(run)).toEqual([["n1"], ["n1"]]);
    expect(weights(run, "n1", outside)).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.21": 2 });
    // The standby's table is complete too, with a checked machine without an agent.
    expect(weights(run, "n2", outside)).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.21": 2 });
    for (const { kernel } of run.cluster.nodes) {
      expect(kernel.markRules).toMatchObject(
        GROUP.map((address) => ({ address, mark: 7, firstPort: 21, lastPort: 22 })),
      );
    }
  });

  test("move together when one is moved, without a silent moment, with tables that take their time", async () => {
    const moving = services.filter((item) => !("address" in item) || item.address !== THIRD);
    const run = await grouped({ services: moving, tableMs: 30 });
    const fromEpoch = run.cluster.node("n1").agent?.state.epochs.get(VIP) ?? 0;
    const move = { vip: VIP, to: idOf(2), fromEpoch };
    await run.cluster.node("n1").store.edit([{ kind: "putMove", move }]);
    await run.pass(FUNNEL_MS - 500);
    expect(holdersOf(run)).toEqual([["n1"], ["n1"]]);
    // Connections of every VIP go to the successor only, before it takes over.
    expect(weights(run, "n1", outside)).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1, "10.0.0.21": 0 });
    expect(weights(run, "n2", outside)).toEqual({ "10.0.0.1": 0, "10.0.0.2": 1, "10.0.0.21": 0 });
    await run.pass(LINGER_MS + 2_000);
    expect(holdersOf(run)).toEqual([["n2"], ["n2"]]);
    expect(weights(run, "n2", outside)).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.21": 2 });
    expect(run.silence()).toBe(0);
  });

  test("come together when they are grouped, and part again only by what happens", async () => {
    const run = await grouped({ edits: [], tableMs: 30 });
    const { store, agent } = run.cluster.node("n1");
    const fromEpoch = agent?.state.epochs.get(SECOND) ?? 0;
    const [holder] = run.cluster.holders(VIP);
    const [second] = run.cluster.holders(SECOND);
    if (second === holder) {
      const to = idOf(holder === "n1" ? 2 : 1);
      await store.edit([{ kind: "putMove", move: { vip: SECOND, to, fromEpoch } }]);
      await run.pass(FUNNEL_MS + LINGER_MS + 2_000);
    }
    expect(run.cluster.holders(SECOND)).not.toEqual(run.cluster.holders(VIP));
    run.silence();
    await store.edit(EDITS);
    await run.pass(FUNNEL_MS - 500);
    // As in a planned move: new connections go to the next holder only, before it takes over.
    expect(run.cluster.holders(SECOND)).not.toEqual(run.cluster.holders(VIP));
    await run.pass(LINGER_MS + 3_000);
    expect(holdersOf(run)).toEqual([[holder as string], [holder as string]]);
    expect(run.silence()).toBe(0);
    await store.edit(GROUP.map((address) => ({ kind: "removeVip", address })));
    await run.pass(3_000);
    expect(holdersOf(run)).toEqual([[holder as string], [holder as string]]);
  });

  test("move within the dead time when their holder loses power", async () => {
    const run = await grouped();
    run.cluster.crash("n1");
    await run.pass(2_000);
    expect(holdersOf(run)).toEqual([["n2"], ["n2"]]);
    expect(run.silence()).toBeLessThan(500);
  });

  test("are on one node again after a partition, whatever claims it left", async () => {
    const run = await grouped();
    run.cluster.isolate("n1");
    await run.pass(3_000);
    expect(holdersOf(run)).toEqual([["n1", "n2"], ["n1", "n2"]]);
    // One side has claimed the second VIP more often than the first.
    const state = run.cluster.node("n1").agent?.state;
    const held = state?.holds.get(SECOND);
    if (state === undefined || held === undefined) throw new Error("n1 does not hold it");
    state.holds.set(SECOND, { ...held, epoch: held.epoch + 5 });
    state.epochs.set(SECOND, held.epoch + 5);
    run.cluster.heal("n1");
    await run.pass(LINGER_MS + 3_000);
    expect(holdersOf(run)).toEqual([["n2"], ["n2"]]);
    expect(GROUP.map((vip) => run.cluster.answering(vip))).toEqual([["n2"], ["n2"]]);
  });

  test(
    "are never settled on two nodes, whatever happens",
    async () => {
      await fc.assert(
        fc.asyncProperty(faults, fc.integer({ min: 1, max: 1e6 }), async (list, seed) => {
          const nodes = [{}, {}, {}];
          const run = await grouped({ nodes, seed });
          for (const fault of list) await strike(run, fault);
          await run.pass(9_000);
          const [first, second] = holdersOf(run);
          if (first?.length !== 1 || `${first}` !== `${second}`) {
            throw broken(run, `${first} hold ${VIP}, ${second} hold ${SECOND}`);
          }
          for (const vip of GROUP) expect(run.cluster.answering(vip)).toEqual(first);
          expect(run.cluster.holders(THIRD)).toHaveLength(1);
        }),
        { numRuns: Math.ceil(RUNS / 2) },
      );
    },
    240_000,
  );
});
