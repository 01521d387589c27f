import { describe, expect, test } from "bun:test";
import {
  noteWitnessAnswer,
  onWitnessFact,
  witnessAddresses,
  witnessAskDue,
  witnessUnfit,
  witnessWords,
} from "../../../src/core/cluster/gateway_witness.ts";
import { newGatewayWitness, type WitnessView } from "../../../src/core/state/gateway_witness.ts";
import type { State } from "../../../src/core/state.ts";
import {
  GATEWAY_ASK_MS,
  GATEWAY_COMPARE_MS,
  GATEWAY_FALL_ASKS,
  GATEWAY_FAST_MS,
  GATEWAY_RISE_MS,
  GATEWAY_TOGETHER_MS,
  MISSED_PULSES_MAX,
  SLOW_PULSE_MS,
  UNANSWERED_MS,
} from "../../../src/core/timing.ts";
import { addressOf, holding, idOf, LAN, modelNode, NOW, VIP } from "../../support/cluster_views.ts";
import { Run, TICK } from "../../support/virtual_run.ts";

const GATEWAY = "10.0.0.254";
/** Time until a gateway that stopped answering is silent, and compared, ms. */
const CONCLUDED_MS = GATEWAY_ASK_MS + 2 * GATEWAY_FALL_ASKS * GATEWAY_FAST_MS + GATEWAY_COMPARE_MS;

/** Node 1 holds the VIP, and asks its gateway; each peer says of its own what `peers` has. */
class Witnessed extends Run {
  answers = true;

  readonly peers: Map<number, WitnessView>;

  constructor(peers: Map<number, WitnessView>) {
    super([
      modelNode(1, { holds: holding(3) }),
      ...[...peers.keys()].map((index) => modelNode(index)),
    ]);
    this.peers = peers;
    this.tell({ kind: "witnesses", addresses: [GATEWAY] });
    this.wait(2_000);
  }

  /** Lets time pass; peers in `heard` pulse on. */
  wait(ms: number, heard: readonly number[] = [...this.peers.keys()]): State {
    for (const endMs = this.now + ms; this.now < endMs;) {
      this.now += 20;
      for (const index of heard) {
        this.hear(index);
        const life = this.state.peers.get(idOf(index))!.life;
        life.witness = this.peers.get(index)!;
      }
      this.tell(TICK);
      if (witnessAskDue(this.state, this.now)) {
        this.tell({ kind: "witnessAsked" });
        if (this.answers) this.tell({ kind: "answer", vip: GATEWAY, mac: "02:00:00:00:00:fe" });
      }
    }
    return this.state;
  }
}

describe("a witness that falls silent", () => {
  test("here only: this node is cut off, and names who has it", () => {
    const run = new Witnessed(new Map([[2, "answers"]]));
    expect(run.state.gateway.view).toBe("answers");
    run.answers = false;
    run.wait(CONCLUDED_MS);
    expect(run.state.gateway.verdict).toBe("cut");
    expect(witnessUnfit(run.state, VIP)).toContain("answers n2, but not this node");
    expect(run.hold?.phase).not.toBe("holding");
  });

  test("for everybody that is heard: nothing moves, and people are told", () => {
    const run = new Witnessed(new Map([[2, "silent"], [3, "silent"]]));
    run.answers = false;
    run.wait(CONCLUDED_MS + 10_000);
    expect(run.state.gateway).toMatchObject({ view: "silent", verdict: null });
    expect(run.hold?.phase).toBe("holding");
    expect(witnessWords(run.state, run.now)).toContain("nothing moves");
  });

  test("while a peer has none: that is no witness against this node", () => {
    const run = new Witnessed(new Map([[2, "none"]]));
    run.answers = false;
    run.wait(CONCLUDED_MS + 10_000);
    expect(run.state.gateway.verdict).toBeNull();
  });

  test("with all others: this node is alone, and lets go", () => {
    const run = new Witnessed(new Map([[2, "answers"]]));
    run.answers = false;
    run.wait(CONCLUDED_MS, []);
    expect(run.state.gateway.verdict).toBe("alone");
    expect(run.hold?.phase).not.toBe("holding");
  });

  test("with all others, one of them on the slow beat: nobody waits for the death of who answers no question", () => {
    const run = new Witnessed(new Map([[2, "none"]]));
    run.answers = false;
    run.state.peers.get(idOf(2))!.life.promisedMs = SLOW_PULSE_MS;
    const cutMs = run.now;
    for (let turns = 0; turns < 100 && run.state.gateway.verdict === null; turns++) {
      run.wait(40, []);
    }
    expect(run.state.gateway.verdict).toBe("alone");
    expect(run.lifeOf(2)).toBe("suspect");
    const halfMs = MISSED_PULSES_MAX * SLOW_PULSE_MS / 2;
    expect(run.now - cutMs).toBeGreaterThanOrEqual(halfMs + UNANSWERED_MS);
  });

  test("long after the last of the others: this node is all there is, and keeps what it has", () => {
    const run = new Witnessed(new Map([[2, "answers"]]));
    run.wait(2 * GATEWAY_TOGETHER_MS, []);
    run.answers = false;
    run.wait(CONCLUDED_MS + 10_000, []);
    expect(run.state.gateway).toMatchObject({ view: "silent", verdict: null });
    expect(run.hold?.phase).toBe("holding");
  });

  test("before it ever answered: it may not even be there", () => {
    const run = new Witnessed(new Map([[2, "answers"]]));
    Object.assign(run.state.gateway, newGatewayWitness([GATEWAY]));
    run.answers = false;
    run.wait(CONCLUDED_MS + 5_000);
    expect(run.state.gateway).toMatchObject({ view: "none", verdict: null });
    expect(witnessWords(run.state, run.now)).toContain("has not answered yet");
  });

  test("for one question or two: nothing is concluded", () => {
    const run = new Witnessed(new Map([[2, "answers"]]));
    for (let turn = 0; turn < 20; turn++) {
      run.answers = turn % 2 === 0;
      run.wait(400);
      expect(run.state.gateway.verdict).toBeNull();
    }
  });
});

test("a node that was cut off is fit again only when its witness has answered for a while", () => {
  const run = new Witnessed(new Map([[2, "answers"]]));
  run.answers = false;
  run.wait(CONCLUDED_MS);
  run.answers = true;
  run.wait(GATEWAY_RISE_MS - 1_000);
  expect(witnessUnfit(run.state, VIP)).not.toBeNull();
  run.wait(2_000);
  expect(witnessUnfit(run.state, VIP)).toBeNull();
});

test("who is cut off holds all the same while nobody better is fit: the least evil", () => {
  const run = new Witnessed(new Map([[2, "answers"]]));
  run.answers = false;
  run.state.peers.get(idOf(2))!.record.vips[VIP] = "eth0 has no carrier";
  run.wait(CONCLUDED_MS);
  expect(run.state.gateway.verdict).toBe("cut");
  expect(run.hold?.phase).toBe("holding");
});

test("a VIP on another interface than the node's own is not the witness's affair", () => {
  const run = new Witnessed(new Map([[2, "answers"]]));
  run.answers = false;
  run.state.placements.set(VIP, { interface: "eth9", unfit: null });
  run.wait(CONCLUDED_MS);
  expect(run.hold?.phase).toBe("holding");
  expect(LAN).not.toBe("eth9");
});

test("nodes of the cluster and VIPs are nobody to ask: they may fail with what they should bear witness of", () => {
  const run = new Witnessed(new Map([[2, "answers"]]));
  onWitnessFact(run.state, {
    kind: "witnesses",
    addresses: [addressOf(1), addressOf(2), VIP, GATEWAY],
  }, NOW);
  expect(witnessAddresses(run.state)).toEqual([GATEWAY]);
  noteWitnessAnswer(run.state, "10.0.0.77", NOW);
  expect(run.state.gateway.answeredMs).toBe(-Infinity);
});

test("a witness is asked rarely while it answers, and fast when a peer has doubts", () => {
  const run = new Witnessed(new Map([[2, "answers"]]));
  const asked = (ms: number) => {
    let count = 0;
    let last = run.state.gateway.askedMs;
    for (let passed = 0; passed < ms; passed += 20) {
      run.wait(20);
      if (run.state.gateway.askedMs !== last) count++;
      last = run.state.gateway.askedMs;
    }
    return count;
  };
  expect(asked(10_000)).toBeLessThanOrEqual(11);
  run.peers.set(2, "doubt");
  expect(asked(1_000)).toBeGreaterThanOrEqual(3);
});
