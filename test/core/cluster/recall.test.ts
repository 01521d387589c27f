/** What a node recalls, and what it does about what it lost. */
import { expect, test } from "bun:test";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { endDoubt, epochFloor, isConfirmed } from "../../../src/core/cluster/recall.ts";
import type { State } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import { idOf, modelNode, NOW, service, viewOf, VIP } from "../../support/cluster_views.ts";

const SHARED = { services: [service()] };
const WALL_MS = Date.UTC(2026, 0, 1);

/** What node 1 sees of a cluster of two, where nobody holds the VIP and the LAN is silent. */
function view(): State {
  const state = viewOf([modelNode(1, { priority: 200 }), modelNode(2)], 1, SHARED);
  state.witnesses.set(VIP, {
    lastAskedMs: NOW - 10,
    asks: 9,
    mac: null,
  });
  return state;
}

test("epochs of an earlier run count as seen, the higher ones, and the next claim is above them", () => {
  const state = view();
  step(state, { kind: "epochs", seen: new Map([[VIP, 9]]), floor: 0 }, NOW);
  step(state, { kind: "epochs", seen: new Map([[VIP, 4]]), floor: 0 }, NOW);
  expect(state.epochs.get(VIP)).toBe(9);
  expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim", epoch: 10 });
});

test("a claim after epochs were lost is above any that was counted, and orders still count from what was seen", () => {
  const state = view();
  const floor = epochFloor(WALL_MS);
  step(state, { kind: "epochs", seen: new Map([[VIP, 3]]), floor }, NOW);
  expect(state.epochs.get(VIP)).toBe(3);
  expect(decideOwnership(state, VIP, NOW)).toMatchObject({ act: "claim", epoch: floor + 1 });
  expect(floor).toBeGreaterThan(29_000_000);
  expect(epochFloor(WALL_MS + 60_000)).toBe(floor + 1);
});

test("a doubt ends when its time is over, and not before", () => {
  const state = view();
  step(state, { kind: "doubt", reason: "lost", waitMs: 1_000 }, NOW);
  expect(endDoubt(state, NOW + 999)).toBe(false);
  expect(state.doubt).not.toBeNull();
  expect(endDoubt(state, NOW + 1_000)).toBe(true);
  expect(state.doubt).toBeNull();
});

test("a document is confirmed by a peer that runs, pulses and has the same", () => {
  const doubts: [what: string, change: (state: State) => void][] = [
    ["has another document", (state) => {
      const peer = peerOf(state);
      peer.record = { ...peer.record, document: "other" };
    }],
    ["is starting itself", (state) => void (peerOf(state).life.starting = true)],
    ["was never heard", (state) => void (peerOf(state).life.heardMs = -Infinity)],
    ["has nothing in it, as one that has just joined", (state) => void (state.vips = [])],
    ["is dead", (state) => void (peerOf(state).life.state = "dead")],
  ];
  const same = view();
  expect(isConfirmed(same, peerOf(same).record.document)).toBe(true);
  for (const [what, change] of doubts) {
    const state = view();
    const { document } = peerOf(state).record;
    change(state);
    expect(isConfirmed(state, document), what).toBe(false);
  }
});

function peerOf(state: State) {
  const peer = state.peers.get(idOf(2));
  if (peer === undefined) throw new Error("there is no peer");
  return peer;
}
