/** Two machines with one identity: which goes on, which stands aside, and who says so. */
import { describe, expect, test } from "bun:test";
import { type Caution, decodeCaution, encodeCaution } from "../../../src/core/cluster/caution.ts";
import { takeCautions } from "../../../src/core/cluster/notes.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { pulseFor } from "../../../src/core/cluster/pulse_schedule.ts";
import { currentWarnings } from "../../../src/core/cluster/warnings.ts";
import type { Peer, State } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import {
  addressOf,
  holding,
  idOf,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

const model = [modelNode(1), modelNode(2, { holds: holding(3) })];
const SHARED = { services: [service()] };
const from = { address: addressOf(2), port: 6940 };
const caution = { to: idOf(1), echo: 0, boot: 0, address: addressOf(2), port: 6940 };

function view(): State {
  return viewOf(model, 1, SHARED);
}

function peerIn(state: State): Peer {
  return state.peers.get(idOf(2))!;
}

describe("two machines with one identity", () => {
  const elsewhere = { address: "10.0.0.77", port: 6940 };

  /** A pulse of a machine with the identity of node 2, started later. */
  function copy(state: State) {
    const two = viewOf(model, 2, SHARED);
    const pulse = pulseFor(two, two.peers.get(idOf(1))!, { now: NOW, sequence: 9, ask: false });
    return { ...pulse, boot: peerIn(state).life.boot + 1_000, claims: new Map() };
  }

  test("the one that was there first is believed, and both are told", () => {
    const state = view();
    const { boot } = peerIn(state).life;
    const pulse = copy(state);
    step(state, { kind: "pulse", pulse, path: "eth0", source: elsewhere }, NOW);
    expect(peerIn(state).life.boot).toBe(boot);
    expect([...peerIn(state).life.claims.keys()]).toEqual([VIP]);
    const told = takeCautions(state, NOW).map(({ caution, to }) => ({
      ...caution,
      at: to.address,
    }));
    expect(told).toEqual([
      expect.objectContaining({ echo: pulse.boot, address: "10.0.0.2", at: "10.0.0.77" }),
      expect.objectContaining({ echo: boot, address: "10.0.0.77", at: "10.0.0.2" }),
    ]);
    expect(currentWarnings(state, NOW)[0]).toContain("at 10.0.0.2 and 10.0.0.77");

    const { record } = peerIn(state);
    const paths = [{ ...record.paths[0]!, address: elsewhere.address }];
    step(state, { kind: "record", record: { ...record, boot: pulse.boot, paths } }, NOW);
    expect(peerIn(state).record.paths[0]!.address).toBe("10.0.0.2");
  });

  test("the later one stands aside, the first goes on, and each names the other", () => {
    for (const [boot, aside] of [[-1, true], [1, false]] as const) {
      const state = viewOf(model, 2, SHARED);
      const { boot: own } = state.self;
      const told = { ...caution, kind: "twin", echo: own, boot: own + boot, address: "10.0.0.77" };
      step(state, { kind: "caution", caution: told as Caution, from }, NOW);
      expect(decideOwnership(state, VIP, NOW).act).toBe(aside ? "release" : "hold");
      expect(currentWarnings(state, NOW)[0]).toContain("10.0.0.77");
    }
  });

  test("a restart at the same address, and one elsewhere after a death, is none", () => {
    const again = view();
    const same = { address: addressOf(2), port: 6940 };
    step(again, { kind: "pulse", pulse: copy(again), path: "eth0", source: same }, NOW);
    expect(peerIn(again).life.boot).toBe(copy(view()).boot);
    const moved = view();
    peerIn(moved).life.state = "dead";
    step(moved, { kind: "pulse", pulse: copy(moved), path: "eth0", source: elsewhere }, NOW);
    expect(peerIn(moved).life.boot).toBe(copy(view()).boot);
    expect(takeCautions(moved, NOW)).toEqual([]);
  });

  describe("that meet", () => {
    const at = [{ address: addressOf(2), port: 6940 }, {
      address: "10.0.0.77",
      port: 6940,
    }] as const;

    /** Two machines with the identity of node 2: for how long each has run, and its boot number. */
    function meet(
      [first, second]: readonly [
        ran: readonly [ms: number, boot: number],
        ran: readonly [ms: number, boot: number],
      ],
      lost: (count: number) => boolean = () => false,
    ): readonly (string | null)[] {
      const states = [first, second].map(([ranMs, boot], index): State => {
        const state = viewOf(model, 2, SHARED);
        const [path] = state.self.paths;
        const self = {
          ...state.self,
          boot,
          paths: [{ ...path, address: at[index]!.address }] as const,
        };
        return { ...state, self: self as unknown as State["self"], startedMs: NOW - ranMs };
      });
      let sent = 0;
      for (let now = NOW; now < NOW + 10_000; now += 500) {
        for (const [index, state] of states.entries()) {
          if (state.twin !== null) continue;
          const other = states[1 - index]!;
          // As long as both run, calls fail now and then.
          if (other.twin === null) {
            step(state, { kind: "twin", address: at[1 - index]!.address }, now);
          }
          for (const { caution, to } of takeCautions(state, now)) {
            expect(to).toEqual(at[1 - index]!);
            const told = decodeCaution(encodeCaution(caution))!;
            if (lost(sent++) || other.twin !== null) continue;
            step(other, { kind: "caution", caution: told, from: at[index]! }, now);
          }
        }
      }
      expect(sent).toBeLessThan(100);
      for (const [index, state] of states.entries()) {
        const other = at[1 - index]!.address;
        if (state.twin !== null) expect(state.twin).toBe(other);
        expect(currentWarnings(state, NOW + 10_000).join()).toContain(other);
      }
      return states.map(({ twin }) => twin);
    }

    const OLD = 3_600_000;
    const cases = [
      ["of which one has just started", [OLD, 5], [1_000, 9], "second"],
      ["of which one has just started with a lower number", [OLD, 9], [1_000, 5], "second"],
      ["that start together", [1_000, 5], [900, 9], "second"],
      ["that start together, the other way round", [1_000, 9], [900, 5], "first"],
      ["that have both run for long, apart", [OLD, 9], [OLD, 5], "first"],
      ["that are copies of a running machine", [OLD, 5], [OLD, 5], "second"],
    ] as const;
    for (const [what, first, second, aside] of cases) {
      test(`${what}: exactly the ${aside} stands aside, also when words are lost`, () => {
        const expected = aside === "first" ? ["10.0.0.77", null] : [null, addressOf(2)];
        expect(meet([first, second])).toEqual(expected);
        expect(meet([first, second], (count) => (31 * count * count + 17 * count) % 5 < 2)).toEqual(
          expected,
        );
      });
    }

    test("by a recording of what the other one said settle nothing", () => {
      const state = viewOf(model, 2, SHARED);
      const told = { ...caution, kind: "twin", to: idOf(2), speaker: { newcomer: false } } as const;
      for (const echo of [0, state.self.boot - 1]) {
        step(state, { kind: "caution", caution: { ...told, echo, boot: 1 }, from: at[1] }, NOW);
      }
      expect(state.twin).toBeNull();
    });
  });

  test("and one address are named by who hears both, and neither is made to stand aside", () => {
    const state = view();
    const { life } = peerIn(state);
    const source = { address: addressOf(2), port: 6940 };
    const older = { ...copy(state), boot: life.boot - 7 };
    step(state, { kind: "pulse", pulse: older, path: "eth0", source }, NOW);
    // What was under way when a node started again is none.
    life.metMs = NOW;
    life.heardMs = NOW + 1_500;
    step(state, { kind: "pulse", pulse: older, path: "eth0", source }, NOW + 1_500);
    step(state, { kind: "pulse", pulse: { ...older, echo: 1 }, path: "eth0", source }, NOW + 9_000);
    const before = currentWarnings(state, NOW + 9_000);
    life.metMs = NOW - 60_000;
    step(state, { kind: "pulse", pulse: older, path: "eth0", source }, NOW + 9_000);
    expect(before.filter((line) => line.includes("two machines"))).toHaveLength(1);
    expect(currentWarnings(state, NOW + 9_000).join()).toContain(
      `n2 runs on two machines, both at ${addressOf(2)}`,
    );
    expect(takeCautions(state, NOW + 9_000)).toEqual([]);
  });
});
