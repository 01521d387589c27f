import { describe, expect, test } from "bun:test";
import { isPresent, judgeLife } from "../../../src/core/cluster/liveness.ts";
import type { Life, LifeState, Peer, State } from "../../../src/core/state.ts";
import { ASK_ANSWER_MS } from "../../../src/core/timing.ts";
import { idOf, modelNode, NOW, service, viewOf } from "../../support/cluster_views.ts";

/** A state with one peer; the dead time is 400 ms. Times of the peer's life are ms ago, and so is `trusted`. */
function known(ago: {
  heard?: number;
  met?: number;
  asked?: number;
  trusted?: number;
  promised?: number;
}): { state: State; peer: Peer } {
  const state = viewOf([modelNode(1), modelNode(2)], 1, { services: [service()] });
  const peer = state.peers.get(idOf(2)) as Peer;
  const life: Life = {
    ...peer.life,
    heardMs: ago.heard === undefined ? -Infinity : NOW - ago.heard,
    metMs: NOW - (ago.met ?? 60_000),
    askedMs: ago.asked === undefined ? null : NOW - ago.asked,
    promisedMs: ago.promised ?? 100,
  };
  state.trustedFromMs = NOW - (ago.trusted ?? 60_000);
  state.peers.set(idOf(2), { ...peer, life });
  return { state, peer: { ...peer, life } };
}

describe("judgeLife", () => {
  const cases: [
    what: string,
    ago: Parameters<typeof known>[0],
    state: LifeState,
    reason: string,
  ][] = [
    ["just heard", { heard: 0 }, "alive", "pulses arrive"],
    ["heard within half the dead time", { heard: 199 }, "alive", "pulses arrive"],
    ["silent for half of it", { heard: 200 }, "suspect", "no pulse for 200 ms"],
    ["silent for nearly all of it", { heard: 399 }, "suspect", "no pulse for 399 ms"],
    ["silent for all of it", { heard: 400 }, "dead", "no pulse for 400 ms"],

    [
      "on the slow beat, silent for less than half of four beats",
      {
        heard: 1_999,
        promised: 1_000,
      },
      "alive",
      "pulses arrive",
    ],
    [
      "on the slow beat, silent for two beats",
      {
        heard: 2_000,
        promised: 1_000,
      },
      "suspect",
      "no pulse for 2000 ms",
    ],
    [
      "on the slow beat, silent for four beats",
      {
        heard: 4_000,
        promised: 1_000,
      },
      "dead",
      "no pulse for 4000 ms",
    ],
    [
      "on a beat faster than the dead time needs",
      {
        heard: 399,
        promised: 20,
      },
      "suspect",
      "no pulse for 399 ms",
    ],

    ["never heard, just met", { met: 0 }, "suspect", "no pulse heard yet"],
    ["never heard, met a moment ago", { met: 399 }, "suspect", "no pulse heard yet"],
    ["never heard since it was met", { met: 400 }, "dead", "no pulse heard"],

    ["that closed its connection", { heard: 10, asked: 0 }, "suspect", "is asked whether it lives"],
    [
      "that has time to answer",
      {
        heard: 100,
        asked: ASK_ANSWER_MS - 1,
      },
      "suspect",
      "is asked whether it lives",
    ],
    [
      "that does not answer",
      {
        heard: 210,
        asked: ASK_ANSWER_MS,
      },
      "dead",
      "was asked whether it lives, and does not answer",
    ],
    [
      "that does not answer, on the slow beat",
      {
        heard: 900,
        asked: ASK_ANSWER_MS,
        promised: 1_000,
      },
      "dead",
      "was asked whether it lives, and does not answer",
    ],

    [
      "silent while this node was paused",
      {
        heard: 5_000,
        trusted: 199,
      },
      "alive",
      "pulses arrive",
    ],
    [
      "silent since this node listens again",
      {
        heard: 5_000,
        trusted: 200,
      },
      "suspect",
      "no pulse for 5000 ms",
    ],
    [
      "silent for the dead time since this node listens again",
      {
        heard: 5_000,
        trusted: 400,
      },
      "dead",
      "no pulse for 5000 ms",
    ],
    [
      "asked before this node was paused",
      {
        heard: 5_000,
        asked: 4_900,
        trusted: 199,
      },
      "suspect",
      "is asked whether it lives",
    ],
    [
      "that has not answered since this node listens again",
      {
        heard: 5_000,
        asked: 4_900,
        trusted: 200,
      },
      "dead",
      "was asked whether it lives, and does not answer",
    ],
  ];
  test.each(cases)("of a peer %s", (_what, ago, life, reason) => {
    const { state, peer } = known(ago);
    expect(judgeLife(state, peer, NOW)).toEqual({ state: life, reason });
  });

  test("takes the configured dead time", () => {
    const { state, peer } = known({ heard: 900 });
    const patient = { ...state, self: { ...state.self, deadMs: 1_000 } };
    expect(judgeLife(patient, peer, NOW).state).toBe("suspect");
    expect(judgeLife(patient, peer, NOW + 100).state).toBe("dead");
  });

  test("of a dead peer stays that until a pulse, or a new run", () => {
    const { state, peer } = known({ heard: 5_000, trusted: 0 });
    peer.life.diedMs = NOW - 4_000;
    expect(judgeLife(state, peer, NOW)).toEqual({ state: "dead", reason: "no pulse for 5000 ms" });
    const heard = { ...peer, life: { ...peer.life, heardMs: NOW } };
    expect(judgeLife(state, heard, NOW).state).toBe("alive");
    const anew = { ...peer, life: { ...peer.life, heardMs: -Infinity, metMs: NOW } };
    expect(judgeLife(state, anew, NOW).state).toBe("suspect");
  });

  test("of a peer that left is that it left, pulses or not", () => {
    const { state, peer } = known({ heard: 0 });
    const gone = { ...peer, record: { ...peer.record, phase: "left" as const } };
    expect(judgeLife(state, gone, NOW).state).toBe("left");
    // Its next run pulses before gossip has brought a record of it.
    const next = { ...gone, life: { ...gone.life, boot: gone.record.boot + 1 } };
    expect(judgeLife(state, next, NOW).state).toBe("alive");
    const nodes = new Map([[idOf(2), { name: "n2", left: true }]]);
    const told = { ...state, document: { ...state.document, nodes } };
    expect(judgeLife(told, peer, NOW)).toEqual({ state: "left", reason: "left the cluster" });
    expect(judgeLife(told, next, NOW).state).toBe("left");
    // It came back under the same identity.
    const back = new Map([[idOf(2), { name: "n2", left: false }]]);
    const again = { ...state, document: { ...state.document, nodes: back } };
    expect(judgeLife(again, peer, NOW).state).toBe("alive");
  });
});

test.each([
  ["alive", true],
  ["suspect", true],
  ["dead", false],
  ["left", false],
] as [LifeState, boolean][])("isPresent of a peer that is %s: %p", (state, present) => {
  const { peer } = known({ heard: 0 });
  peer.life.state = state;
  expect(isPresent(peer)).toBe(present);
});
