/**
 * VIPs that should be on certain nodes, on whole simulated clusters.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Edit } from "../../src/core/document/document.ts";
import { FUNNEL_MS, LINGER_MS } from "../../src/core/timing.ts";
import type { VipEntry } from "../../src/core/document/vip.ts";
import { idOf, service, VIP, vipEntry } from "../support/cluster_views.ts";
import {
  broken,
  faults,
  type Run,
  type RunOptions,
  RUNS,
  serving,
  strike,
  weights,
} from "./sim_run.ts";

/** Wait before a VIP goes back, s. */
const FAILBACK_S = 4;
/** New VIPs that are added, each to a cluster with another seed. */
const NEW_VIPS = 40;
/** A handover that nobody disturbs, and the time until the order for it is known, ms. */
const HANDOVER_MS = FUNNEL_MS + LINGER_MS + 1_000;

/** Three nodes; the VIP should be on n2, else on n3. */
function preferring(fields: Partial<VipEntry> = {}, options: RunOptions = {}): Promise<Run> {
  const vip = vipEntry({ prefer: [idOf(2), idOf(3)], ...fields });
  const edits: Edit[] = [{ kind: "putVip", vip }];
  return serving({ nodes: [{ priority: 200 }, {}, {}], edits, ...options });
}

async function returned(run: Run, name: string): Promise<void> {
  run.cluster.boot(name);
  run.cluster.start([name]);
  await run.pass(1_500);
}

describe("a VIP with preferred nodes", () => {
  test("is claimed by the first of them, whatever the priority", async () => {
    expect((await preferring()).cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("is claimed by the first of them when it is new, though news of it takes its time", async () => {
    const address = "10.0.0.102";
    const edits: Edit[] = [
      { kind: "putVip", vip: vipEntry({ address, prefer: [idOf(2), idOf(3)] }) },
      { kind: "putService", service: service({ address }) },
    ];
    for (let seed = 1; seed <= NEW_VIPS; seed++) {
      const run = await preferring({}, { seed, vips: [VIP, address] });
      run.cluster.lan.begin({ loss: 0, jitterMs: 150, duplicates: 0 });
      await run.cluster.node("n1").store.edit(edits);
      await run.pass(2_000);
      if (`${run.cluster.holders(address)}` !== "n2") {
        throw broken(run, `${run.cluster.holders(address)} hold ${address}`);
      }
      expect(run.cluster.node("n2").agent?.state.epochs.get(address)).toBe(1);
    }
  });

  test("goes to the next of them, and stays there without failback", async () => {
    const run = await preferring();
    run.cluster.crash("n2");
    await run.pass(2_000);
    expect(run.cluster.holders(VIP)).toEqual(["n3"]);
    await returned(run, "n2");
    await run.pass(20_000);
    expect(run.cluster.holders(VIP)).toEqual(["n3"]);
  });

  test("goes back after the wait, without a silent moment", async () => {
    const run = await preferring({ failbackS: FAILBACK_S }, { tableMs: 30 });
    run.cluster.crash("n2");
    await run.pass(2_000);
    run.silence();
    await returned(run, "n2");
    await run.pass(FAILBACK_S * 1_000 - 1_500);
    expect(run.cluster.holders(VIP)).toEqual(["n3"]);
    await run.pass(HANDOVER_MS);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    expect(run.silence()).toBe(0);
    expect(weights(run, "n2")).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.3": 1 });
  });

  test("stays where an operator moved it, until it changes hands again", async () => {
    const run = await preferring({ failbackS: 0 });
    const fromEpoch = run.cluster.node("n1").agent?.state.epochs.get(VIP) ?? 0;
    const move = { vip: VIP, to: idOf(1), fromEpoch };
    await run.cluster.node("n3").store.edit([{ kind: "putMove", move }]);
    await run.pass(HANDOVER_MS + 20_000);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    run.cluster.crash("n1");
    await run.pass(2_000);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
    await returned(run, "n1");
    await run.pass(HANDOVER_MS);
    expect(run.cluster.holders(VIP)).toEqual(["n2"]);
  });

  test("does not follow a node that comes and goes within the wait", async () => {
    const run = await preferring({ failbackS: FAILBACK_S });
    run.cluster.crash("n2");
    await run.pass(2_000);
    const before = run.cluster.node("n3").agent?.state.epochs.get(VIP);
    for (let turn = 0; turn < 5; turn++) {
      await returned(run, "n2");
      await run.pass(FAILBACK_S * 1_000 - 2_000);
      run.cluster.crash("n2");
      await run.pass(1_000);
    }
    expect(run.cluster.holders(VIP)).toEqual(["n3"]);
    expect(run.cluster.node("n3").agent?.state.epochs.get(VIP)).toBe(before as number);
  });

  test("goes back by priority where nobody is named", async () => {
    const run = await preferring({ prefer: [], failbackS: 0 });
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
    run.cluster.crash("n1");
    await run.pass(2_000);
    await returned(run, "n1");
    await run.pass(HANDOVER_MS);
    expect(run.cluster.holders(VIP)).toEqual(["n1"]);
  });

  test(
    "is settled on the first of them after the last fault and the wait, whatever happens",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          faults,
          fc.integer({ min: 1, max: 1e6 }),
          fc.boolean(),
          async (list, seed, grouped) => {
            const other = "10.0.0.101";
            const options: RunOptions = { seed };
            const group = grouped ? "web" : null;
            const run = await preferring({ failbackS: FAILBACK_S, group }, {
              ...options,
              vips: grouped ? [VIP, other] : [VIP],
            });
            if (grouped) {
              const vip = vipEntry({ address: other, group, prefer: [idOf(2), idOf(3)] });
              await run.cluster.node("n1").store.edit([{ kind: "putVip", vip }]);
              await run.pass(2_000);
            }
            for (const fault of list) await strike(run, fault);
            await run.pass(9_000 + FAILBACK_S * 1_000 + HANDOVER_MS);
            for (const vip of grouped ? [VIP, other] : [VIP]) {
              const holders = run.cluster.holders(vip);
              if (`${holders}` !== "n2") throw broken(run, `${holders} hold ${vip}`);
              expect(run.cluster.answering(vip)).toEqual(holders);
            }
          },
        ),
        { numRuns: Math.ceil(RUNS / 2) },
      );
    },
    240_000,
  );
});
