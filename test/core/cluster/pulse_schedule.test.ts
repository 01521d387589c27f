import { describe, expect, test } from "bun:test";
import { VIPS_MAX } from "../../../src/core/limits.ts";
import { decodePulse, encodePulse } from "../../../src/core/cluster/pulse.ts";
import {
  claimsOf,
  dueIntervalMs,
  pulseFor,
  pulseIntervalMs,
} from "../../../src/core/cluster/pulse_schedule.ts";
import type { Hold, Peer, State } from "../../../src/core/state.ts";
import {
  FUNNEL_MS,
  PRESSING_TICK_MS,
  SLOW_PULSE_MS,
  SUSPECT_ASKS,
} from "../../../src/core/timing.ts";
import {
  hold,
  holding,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

function pair(
  own: Partial<ModelNode>,
  other: Partial<ModelNode>,
): { state: State; peer: Peer } {
  const model = [modelNode(1, own), modelNode(2, other)];
  const state = viewOf(model, 1, { services: [service()] });
  return { state, peer: state.peers.get(idOf(2)) as Peer };
}

describe("pulseIntervalMs", () => {
  const holder = { holds: holding(1) };
  const director = { realServer: false };
  const server = { director: false };
  const neither = { director: false, realServer: false };
  const cases: [
    what: string,
    own: Partial<ModelNode>,
    other: Partial<ModelNode>,
    fast: boolean,
  ][] = [
    ["from a holder to a director", holder, director, true],
    ["from a holder to a real server", holder, server, true],
    ["from a holder to a node that is neither", holder, neither, false],
    ["from a real server to a holder", server, holder, true],
    ["from a director to a holder", director, holder, true],
    ["from a node that is neither to a holder", neither, holder, false],
    ["between two that hold nothing", {}, {}, false],
    ["from a starting node, which has to be heard soon", { phase: "starting" }, {}, true],
    ["from a leaving node", { phase: "leaving" }, {}, true],
    ["from a node that finishes what still arrives", { holds: holding(1, "lingering") }, {}, true],
    // A lingering peer claims nothing any more, so it is not known from its pulses.
    ["to a node that finishes what still arrives", {}, { holds: holding(1, "lingering") }, false],
  ];
  test.each(cases)("%s", (_what, own, other, fast) => {
    const { state, peer } = pair(own, other);
    expect(pulseIntervalMs(state, peer)).toBe(fast ? state.self.pulseMs : SLOW_PULSE_MS);
  });

  test("the slow beat is never faster than the configured one", () => {
    const { state, peer } = pair({}, {});
    const lazy = { ...state, self: { ...state.self, pulseMs: 5_000, deadMs: 20_000 } };
    expect(pulseIntervalMs(lazy, peer)).toBe(5_000);
  });
});

describe("dueIntervalMs", () => {
  test("a holder that fell silent is asked in every turn of the loop until it is heard or dead", () => {
    const { state, peer } = pair({}, { holds: holding(1), life: "suspect" });
    expect(dueIntervalMs(state, peer)).toBe(PRESSING_TICK_MS);
    for (const life of ["alive", "dead"] as const) {
      peer.life.state = life;
      expect(dueIntervalMs(state, peer)).toBe(state.self.pulseMs);
    }
  });

  test("a silent peer on the slow beat is asked as much more often", () => {
    const { state, peer } = pair({}, { life: "suspect" });
    expect(dueIntervalMs(state, peer)).toBe(SLOW_PULSE_MS / SUSPECT_ASKS);
  });

  test("one that was never heard keeps the beat: it may not even be there", () => {
    const { state, peer } = pair({}, { life: "suspect", heard: false });
    expect(dueIntervalMs(state, peer)).toBe(SLOW_PULSE_MS);
  });
});

describe("claimsOf", () => {
  const cases: [what: string, fields: Partial<Hold>, claim: { yielding: boolean } | undefined][] = [
    ["a held VIP is claimed", {}, { yielding: false }],
    ["a handover that has just begun is not ready", { funnelMs: NOW }, { yielding: false }],
    ["nor shortly before the end", { funnelMs: NOW - FUNNEL_MS + 1 }, { yielding: false }],
    ["and then the successor may claim", { funnelMs: NOW - FUNNEL_MS }, { yielding: true }],
    [
      "a VIP let go is claimed until the table is local",
      { phase: "settling" },
      { yielding: true },
    ],
    ["and then no longer", { phase: "lingering" }, undefined],
  ];
  test.each(cases)("%s", (_what, fields, claim) => {
    const { state } = pair({}, {});
    state.holds.set(VIP, hold({ epoch: 7, ...fields }));
    expect(claimsOf(state, NOW).get(VIP)).toEqual(
      claim === undefined ? undefined : { epoch: 7, ...claim },
    );
  });
});

describe("pulseFor", () => {
  test("tells what the peer needs to know of this run", () => {
    const { state, peer } = pair({ holds: holding(7), phase: "leaving" }, {});
    expect(pulseFor(state, peer, { now: NOW, sequence: 12, ask: true })).toEqual({
      from: idOf(1),
      to: idOf(2),
      boot: state.self.boot,
      sequence: 12,
      echo: peer.life.boot,
      intervalMs: 100,
      leaving: true,
      ask: true,
      starting: false,
      deaf: false,
      witness: "none",
      claims: new Map([[VIP, { epoch: 7, yielding: false }]]),
    });
  });

  test("a node that holds as many VIPs as a cluster can have says so in one pulse", () => {
    const { state, peer } = pair({}, {});
    for (let index = 0; index < VIPS_MAX; index++) state.holds.set(`10.1.0.${index}`, hold());
    const bytes = encodePulse(pulseFor(state, peer, { now: NOW, sequence: 1, ask: false }));
    expect(decodePulse(bytes)?.claims.size).toBe(VIPS_MAX);
  });
});
