import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { adjusted, scaleOf } from "../../../src/core/pool/effective_weight.ts";
import { desiredRow } from "../../../src/core/desired/desired_row.ts";
import {
  LOAD_CHANGE_MS,
  LOAD_SHARE_MIN,
  nextShare,
  noteLoad,
  shareOfFree,
} from "../../../src/core/pool/load_weight.ts";
import type { LoadShare } from "../../../src/core/state/load_share.ts";
import { poolOf } from "../../../src/core/pool/pool.ts";
import { freePart, parseProcessorTime, smoothed } from "../../../src/core/processor_time.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import {
  holding,
  idOf,
  modelNode,
  NOW,
  service,
  type Shared,
  viewOf,
  weightsByAddress,
} from "../../support/cluster_views.ts";
import { checkSchema } from "../../../src/core/check.ts";

const SERVICE = service({ adaptWeights: true });

function holder(shared: Partial<Shared> = {}) {
  return viewOf([modelNode(1, { holds: holding(1) }), modelNode(2)], 1, {
    services: [SERVICE],
    ...shared,
  });
}

function weights(state: ReturnType<typeof viewOf>, item = SERVICE) {
  return weightsByAddress(desiredRow(state, item).service.servers);
}

describe("the share by load", () => {
  test.each([[100, 100], [50, 100], [49, 99], [25, 75], [0, 50], [-5, 50], [200, 100]])(
    "with %d %% free is %d %%",
    (free, share) => expect(shareOfFree(free)).toBe(share),
  );

  test("follows steps, not noise, and at most one every few seconds", () => {
    const first = nextShare(undefined, 30, NOW);
    expect(first).toEqual({ percent: 80, changedMs: NOW });
    expect(nextShare(first, 0, NOW + LOAD_CHANGE_MS - 1)).toBe(first);
    expect(nextShare(first, 34, NOW + LOAD_CHANGE_MS)).toBe(first);
    expect(nextShare(first, 35, NOW + LOAD_CHANGE_MS).percent).toBe(85);
  });

  test("is bounded, changes seldom, and ends where a steady load is", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -10, max: 110, noNaN: true })), (all) => {
        let share: LoadShare | undefined;
        let now = 0;
        for (const free of all) {
          now += 1_000;
          const next = nextShare(share, free, now);
          expect(next.percent).toBeGreaterThanOrEqual(LOAD_SHARE_MIN);
          expect(next.percent).toBeLessThanOrEqual(100);
          if (share !== undefined && next !== share) {
            expect(next.changedMs - share.changedMs).toBeGreaterThanOrEqual(LOAD_CHANGE_MS);
          }
          share = next;
        }
        expect(nextShare(share, 100, now + LOAD_CHANGE_MS).percent).toBe(100);
      }),
    );
  });
});

describe("weights", () => {
  test("of busy members are smaller, of those that tell nothing whole", () => {
    const state = holder();
    expect(weights(state)).toEqual({ "10.0.0.1:80": 100, "10.0.0.2:80": 100 });
    noteLoad(state, idOf(2), { free: 0, now: NOW });
    expect(weights(state)).toEqual({ "10.0.0.1:80": 100, "10.0.0.2:80": 50 });
    const version = state.tableVersion;
    noteLoad(state, idOf(2), { free: null, now: NOW });
    expect(weights(state)["10.0.0.2:80"]).toBe(100);
    expect(state.tableVersion).toBeGreaterThan(version);
  });

  test("do not follow load where no service asks for it", () => {
    const plain = service();
    const state = holder({ services: [plain] });
    noteLoad(state, idOf(2), { free: 0, now: NOW });
    expect(state.loads.size).toBe(0);
    expect(weights(state, plain)["10.0.0.2:80"]).toBe(1);
  });

  test("that are small never become zero, and large ones never too large", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: 0, max: 100 }),
        (weight, free) => {
          const item = service({ adaptWeights: true, weight });
          const state = holder({ services: [item] });
          noteLoad(state, idOf(2), { free, now: NOW });
          const { "10.0.0.1:80": whole = 0, "10.0.0.2:80": part = 0 } = weights(state, item);
          expect(part).toBeGreaterThanOrEqual(1);
          expect(whole).toBeLessThanOrEqual(65_535);
          expect(whole % weight).toBe(0);
        },
      ),
    );
  });

  test("are whole where nothing asks for parts", () => {
    expect(scaleOf(holder().document, service())).toBe(1);
    expect(scaleOf(holder().document, service({ slowStartMs: 1_000 }))).toBe(100);
  });
});

describe("what a server says of itself", () => {
  const ASKED = service({ check: checkSchema.parse({ kind: "agent", port: 9_000 }) });

  function advised(advice: object) {
    const state = holder({ services: [ASKED] });
    const peer = state.peers.get(idOf(2));
    peer?.reached.set(serviceKey(ASKED), {
      up: true,
      reason: "200",
      sinceMs: 0,
      tookMs: 1,
      checked: true,
      streak: 0,
      advice: { words: "so", ...advice },
    });
    const server = poolOf(state, ASKED).find(({ name }) => name === "n2");
    return { weight: weights(state, ASKED)["10.0.0.2:80"], server };
  }

  test.each([
    [{}, 100, true],
    [{ weightPercent: 75 }, 75, true],
    [{ weightPercent: 200 }, 200, true],
    [{ weightPercent: 0 }, 0, true],
    [{ weightPercent: 0.2 }, 1, true],
    [{ weight: 20 }, 2_000, true],
    [{ weight: 60_000 }, 65_535, true],
    [{ weight: 0 }, 0, true],
    [{ state: "up" }, 100, true],
    [{ state: "drain" }, 0, true],
    [{ state: "maint" }, 0, true],
    [{ state: "down" }, 0, false],
  ])("%j makes its weight %d", (advice, weight, up) => {
    expect(advised(advice)).toMatchObject({ weight, server: { up } });
  });

  test("is in the reason", () => {
    expect(advised({ weightPercent: 40 }).server?.reason).toEndWith("; it says 40 %");
    expect(advised({ state: "maint", words: "maint" }).server?.reason).toStartWith(
      "it says maint; ",
    );
  });

  test("is kept out of pools nobody has", () => {
    expect(adjusted(holder(), ASKED, [])).toEqual([]);
  });
});

describe("processor time", () => {
  const text = (idle: number, wait: number, busy: number) =>
    `cpu  ${busy} 0 0 ${idle} ${wait} 0 0 0 7 0\ncpu0 1 2 3\n`;

  test("counts waiting for disks as free, and guests once", () => {
    expect(parseProcessorTime(text(60, 10, 30))).toEqual({ idle: 70, total: 100 });
    expect(freePart({ idle: 0, total: 0 }, { idle: 70, total: 100 })).toBe(70);
    expect(freePart({ idle: 70, total: 100 }, { idle: 70, total: 100 })).toBeNull();
  });

  test.each(["", "cpu 1 2", "intr 1 2 3 4 5 6 7 8\n", "cpu a b c d e f g h\n"])(
    "%j is none",
    (odd) => expect(parseProcessorTime(odd)).toBeUndefined(),
  );

  test("is smoothed", () => {
    expect(smoothed(null, 40)).toBe(40);
    expect(smoothed(100, 0)).toBe(80);
  });
});
