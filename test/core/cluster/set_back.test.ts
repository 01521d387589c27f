/** Boot numbers that go back, and those far ahead. */
import { describe, expect, test } from "bun:test";
import type { Pulse } from "../../../src/core/cluster/pulse.ts";
import { SET_BACK_MS } from "../../../src/core/cluster/set_back.ts";
import { currentWarnings } from "../../../src/core/cluster/warnings.ts";
import type { Peer, State } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import { idOf, LAN, modelNode, NOW, service, viewOf } from "../../support/cluster_views.ts";

/** A start with the clock in 2099. */
const FAR = Date.UTC(2099, 0);
/** The next start, with the right clock, and without the number that was on disk. */
const TRUE = Date.UTC(2026, 5);

/** Node 2 has run with the far number, and fell silent at NOW. */
function farAhead(): { state: State; peer: Peer } {
  const state = viewOf([modelNode(1), modelNode(2)], 1, { services: [service()] });
  const peer = state.peers.get(idOf(2)) as Peer;
  step(state, { kind: "record", record: { ...peer.record, boot: FAR, sequence: 50 } }, NOW);
  for (const sequence of [1, 2]) hear(state, { boot: FAR, sequence }, NOW);
  expect(peer.life.boot).toBe(FAR);
  return { state, peer };
}

function hear(state: State, fields: Partial<Pulse>, now: number): void {
  const pulse: Pulse = {
    ...{ from: idOf(2), to: idOf(1), boot: TRUE, sequence: 1, echo: state.self.boot },
    ...{ intervalMs: 100, leaving: false, ask: false, starting: false, deaf: false },
    ...{ witness: "none", claims: new Map(), ...fields },
  };
  step(state, { kind: "pulse", pulse, path: LAN }, now);
}

function wait(state: State, untilMs: number): void {
  // In steps of a loop that was not paused.
  for (let now = NOW; now < untilMs; now += 50) step(state, { kind: "tick" }, now);
}

describe("a node whose boot number went back", () => {
  test("is heard again when its higher run has been silent for a while, and so are its records", () => {
    const { state, peer } = farAhead();
    wait(state, NOW + SET_BACK_MS);
    expect(peer.life.state).toBe("dead");
    hear(state, {}, NOW + SET_BACK_MS - 1);
    expect(peer.life.boot).toBe(FAR);
    hear(state, { sequence: 2 }, NOW + SET_BACK_MS);
    step(state, { kind: "tick" }, NOW + SET_BACK_MS);
    expect(peer.life).toMatchObject({ boot: TRUE, state: "alive", heardMs: NOW + SET_BACK_MS });
    const told = { ...peer.record, boot: TRUE, sequence: 1, priority: 7 };
    step(state, { kind: "record", record: told }, NOW + SET_BACK_MS);
    expect(peer.record.priority).toBe(7);
    expect(currentWarnings(state, NOW + SET_BACK_MS).join()).toContain("its clock was ahead then");
  });

  test("is not, while the higher run is there, or by what may be a recording", () => {
    const { state, peer } = farAhead();
    for (let now = NOW; now < NOW + 2 * SET_BACK_MS; now += 50) {
      hear(state, { boot: FAR, sequence: 3 + now }, now);
      hear(state, {}, now);
      step(state, { kind: "tick" }, now);
    }
    expect(peer.life).toMatchObject({ boot: FAR, state: "alive" });
    const silent = farAhead();
    wait(silent.state, NOW + 2 * SET_BACK_MS);
    hear(silent.state, { echo: silent.state.self.boot - 1 }, NOW + 2 * SET_BACK_MS);
    expect(silent.peer.life.boot).toBe(FAR);
  });

  test("whose far number only a record tells is heard at once, and its records after a while", () => {
    const state = viewOf([modelNode(1), modelNode(2, { heard: false })], 1, { services: [] });
    const peer = state.peers.get(idOf(2)) as Peer;
    step(state, { kind: "record", record: { ...peer.record, boot: FAR, sequence: 50 } }, NOW);
    for (let now = NOW; now <= NOW + SET_BACK_MS; now += 100) {
      step(state, { kind: "tick" }, now);
      hear(state, { sequence: now }, now);
    }
    expect(peer.life).toMatchObject({ boot: TRUE, heardMs: NOW + SET_BACK_MS });
    const told = { ...peer.record, boot: TRUE, sequence: 1, priority: 7 };
    step(state, { kind: "record", record: told }, NOW + SET_BACK_MS);
    expect(peer.record.priority).toBe(7);
  });
});
