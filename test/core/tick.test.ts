import { describe, expect, test } from "bun:test";
import { decideOwnership } from "../../src/core/cluster/ownership.ts";
import { asksDue, paceMs, presentPeers } from "../../src/core/tick.ts";
import {
  AWAITED_APART_MS,
  AWAITED_MS_MAX,
  CLOCK_GAP_MS,
  LEASE_S,
  PRESSING_TICK_MS,
  RECORD_MS,
  TICK_MS,
  WITNESS_ASK_MS,
  WITNESS_ASKS_MIN,
  WITNESS_STALE_MS,
} from "../../src/core/timing.ts";
import {
  holding,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";
import { touched } from "../support/touched.ts";
import { Run, TICK } from "../support/virtual_run.ts";

const LEASE_MS = LEASE_S * 1_000;
/** Time from the last answer until the LAN counts as silent, ms: every second tick has a question, the last one waits one. */
const SILENCE_MS = (2 * WITNESS_ASKS_MIN + 1) * PRESSING_TICK_MS;

describe("a starting node", () => {
  function starting(): Run {
    const run = new Run([modelNode(1, { phase: "starting" })]);
    run.state.trustedFromMs = NOW;
    return run;
  }

  test("listens for the dead time and one round trip, then takes part", () => {
    const run = starting();
    run.pass(490);
    expect(run.state.phase).toBe("starting");
    expect(run.state.witnesses.size).toBe(0);
    run.pass(10);
    expect(run.state).toMatchObject({ phase: "running", phaseMs: NOW + 500 });
  });

  test("tells everybody when it takes part", () => {
    const run = starting();
    run.state.lastTickMs = NOW + 400;
    expect(touched(run.state, TICK, NOW + 500)).toBe("table record pulse");
  });

  test("listens again when it was paused meanwhile", () => {
    const run = starting();
    run.pass(300);
    run.now += CLOCK_GAP_MS;
    run.pass(490);
    expect(run.state.phase).toBe("starting");
    run.pass(20);
    expect(run.state.phase).toBe("running");
  });
});

describe("whether this node can hold the VIP", () => {
  test("is told at once when it changes, whatever changed it", () => {
    const run = new Run([modelNode(1), modelNode(2)]);
    run.tell(TICK);
    expect(touched(run.state, TICK)).toBe("");
    run.state.refused.set(VIP, { reason: "no room", untilMs: Infinity });
    expect(touched(run.state, TICK)).toBe("table record pulse");
    expect(run.state.unfit.get(VIP)).toBe("no room");
    expect(touched(run.state, TICK)).toBe("");
    run.state.refused.clear();
    expect(touched(run.state, TICK)).toBe("table record pulse");
  });
});

describe("a silent peer", () => {
  test("is suspect after half the dead time and dead after all of it; each time the table may change", () => {
    const run = new Run([modelNode(1), modelNode(2)]);
    const versions = [run.state.tableVersion];
    const lives: (string | undefined)[] = [];
    for (const ms of [190, 10, 190, 10]) {
      run.pass(ms);
      lives.push(run.lifeOf(2));
      versions.push(run.state.tableVersion);
    }
    expect(lives).toEqual(["alive", "suspect", "suspect", "dead"]);
    expect(versions.map((version, index) => version > (versions[index - 1] ?? -1)))
      .toEqual([true, false, true, false, true]);
    expect(presentPeers(run.state)).toBe(0);
  });

  test("leaves no verdicts behind that would greet it when it is back", () => {
    const run = new Run([modelNode(1, { holds: holding(1) }), modelNode(2)]);
    const peer = run.state.peers.get(idOf(2));
    const [[key, history] = ["", undefined]] = run.state.own;
    if (history !== undefined) peer?.reached.set(key, history);
    run.pass(200);
    expect(peer?.reached.size).toBe(1);
    run.pass(200);
    expect(peer?.reached.size).toBe(0);
    run.pass(10, [[2]]);
    expect(run.lifeOf(2)).toBe("alive");
  });
});

describe("a pause of this node", () => {
  test("makes it believe no silence until it has listened for the dead time", () => {
    const run = new Run([modelNode(1), modelNode(2, { holds: holding(3) })]);
    run.now += 5_000;
    run.pass(10);
    expect(run.lifeOf(2)).toBe("alive");
    run.pass(390);
    expect(run.lifeOf(2)).toBe("suspect");
    run.pass(10);
    expect(run.lifeOf(2)).toBe("dead");
  });

  test("brings no dead peer back; a pulse does", () => {
    const run = new Run([modelNode(1), modelNode(2)]);
    run.pass(400);
    expect(run.lifeOf(2)).toBe("dead");
    run.now += 5_000;
    run.pass(10);
    expect(run.lifeOf(2)).toBe("dead");
    run.pass(10, [[2]]);
    expect(run.lifeOf(2)).toBe("alive");
  });

  const leases: [pausedMs: number, kept: boolean][] = [
    [CLOCK_GAP_MS, true],
    [LEASE_MS - 10, true],
    [LEASE_MS, false],
  ];
  test.each(leases)("of %d ms keeps a lease that lasts: %p", (pausedMs, kept) => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    run.now += pausedMs;
    const touches = touched(run.state, TICK, run.now);
    expect(run.hold?.phase).toBe(kept ? "holding" : undefined);
    expect(run.state.releases).toBe(kept ? 0 : 1);
    if (!kept) {
      expect(touches).toBe("table record pulse");
      run.pass(10);
      expect(run.state.witnesses.get(VIP)?.asks ?? 0).toBeLessThan(WITNESS_ASKS_MIN);
    }
  });

  test("makes it ask the LAN anew: an old answer, or an old silence, says nothing", () => {
    const run = new Run([modelNode(1)]);
    run.pass(70);
    const before = run.state.witnesses.get(VIP);
    expect(before?.asks).toBeGreaterThan(1);
    run.now += CLOCK_GAP_MS;
    run.tell(TICK);
    expect(run.state.witnesses.get(VIP)).not.toBe(before);
    expect(run.state.witnesses.get(VIP)?.asks).toBe(0);
  });

  test("shorter than the limit is a slow turn, and nothing more", () => {
    const run = new Run([modelNode(1), modelNode(2)]);
    const trusted = run.state.trustedFromMs;
    run.now += CLOCK_GAP_MS - 1;
    run.tell(TICK);
    expect(run.state.trustedFromMs).toBe(trusted);
  });
});

describe("a free VIP", () => {
  test("is claimed after three unanswered questions, and told at once", () => {
    const run = new Run([modelNode(1)]);
    run.pass(70);
    expect(run.hold).toBeUndefined();
    expect(run.state.witnesses.get(VIP)?.asks).toBe(WITNESS_ASKS_MIN);
    const versions = { ...run.state };
    run.pass(10);
    expect(run.hold).toMatchObject({ epoch: 1, phase: "holding", rival: false });
    expect(run.state.pulseVersion).toBeGreaterThan(versions.pulseVersion);
    expect(run.state.recordVersion).toBeGreaterThan(versions.recordVersion);
    expect(run.state.tableVersion).toBeGreaterThan(versions.tableVersion);
    expect(run.state.takeovers).toBe(1);
    expect(run.state.witnesses.size).toBe(0);
    expect(run.state.epochs.get(VIP)).toBe(1);
  });

  test("is asked for with time between two questions", () => {
    const run = new Run([modelNode(1)]);
    run.tell(TICK);
    expect(asksDue(run.state, run.now)).toEqual([VIP]);
    run.tell({ kind: "asked", vip: VIP });
    expect(asksDue(run.state, run.now + WITNESS_ASK_MS - 1)).toEqual([]);
    expect(asksDue(run.state, run.now + WITNESS_ASK_MS)).toEqual([VIP]);
  });

  test("is not claimed while another machine answers, and soon after it fell silent", () => {
    const run = new Run([modelNode(1)]);
    for (let turn = 0; turn < 100; turn++) {
      run.pass(10);
      run.tell({ kind: "answer", vip: VIP, mac: "02:00:00:00:00:07" });
    }
    expect(run.hold).toBeUndefined();
    expect(run.state.reasons.get(VIP)).toBe("02:00:00:00:00:07 still answers for it");
    run.pass(SILENCE_MS);
    expect(run.hold?.phase).toBe("holding");
  });

  test("has not fallen silent while this node stood still and asked nobody", () => {
    const run = new Run([modelNode(1)]);
    for (let turn = 0; turn < 20; turn++) {
      run.pass(10);
      run.tell({ kind: "answer", vip: VIP, mac: "02:00:00:00:00:07" });
    }
    run.now += WITNESS_STALE_MS - WITNESS_ASK_MS;
    run.tell(TICK);
    expect(run.hold).toBeUndefined();
    run.pass(SILENCE_MS);
    expect(run.hold?.phase).toBe("holding");
  });

  test("is asked for anew when the questions stopped for a while", () => {
    const run = new Run([modelNode(1)]);
    run.pass(50);
    const before = run.state.witnesses.get(VIP);
    run.now += 201;
    run.tell(TICK);
    expect(run.state.witnesses.get(VIP)).not.toBe(before);
    run.pass(70);
    expect(run.hold).toBeUndefined();
    run.pass(10);
    expect(run.hold?.phase).toBe("holding");
  });

  test("is left to the better node, and taken when that one dies", () => {
    const run = new Run([modelNode(1), modelNode(2, { priority: 110 })]);
    run.pass(1_000, [[2]]);
    expect(run.state.reasons.get(VIP)).toBe("n2 is preferred");
    expect(run.state.witnesses.size).toBe(0);
    run.pass(600);
    expect(run.hold?.phase).toBe("holding");
  });
});

describe("who is preferred and does not take a free VIP", () => {
  const two = [modelNode(1), modelNode(2, { priority: 110 })];

  test("is waited for, and then passed over: it may know better that it cannot", () => {
    const run = new Run(two);
    run.pass(AWAITED_MS_MAX, [[2]]);
    expect(run.state.reasons.get(VIP)).toBe("n2 is preferred");
    run.pass(110, [[2]]);
    expect(run.hold?.phase).toBe("holding");
  });

  test("is waited for longer by the third, and by the one with the higher id", () => {
    const three = new Run([...two, modelNode(3, { priority: 105 })]);
    three.pass(2 * AWAITED_MS_MAX, [[2], [3]]);
    expect(three.hold).toBeUndefined();
    three.pass(110, [[2], [3]]);
    expect(three.hold?.phase).toBe("holding");
    const second = viewOf([modelNode(1, { priority: 110 }), modelNode(2)], 2, {
      services: [service()],
    });
    second.witnesses.clear();
    second.awaited.set(VIP, { id: idOf(1), sinceMs: NOW - AWAITED_MS_MAX - AWAITED_APART_MS });
    expect(decideOwnership(second, VIP, NOW - 1).act).toBe("wait");
    expect(decideOwnership(second, VIP, NOW).act).toBe("ask");
  });

  test("is waited for anew when somebody answers for the VIP, or this node stood still", () => {
    const run = new Run(two);
    run.pass(AWAITED_MS_MAX + 20, [[2]]);
    expect(run.state.witnesses.has(VIP)).toBe(true);
    run.tell({ kind: "answer", vip: VIP, mac: "02:00:00:00:00:09" });
    run.pass(AWAITED_MS_MAX, [[2]]);
    expect(run.hold).toBeUndefined();
    expect(run.state.reasons.get(VIP)).toBe("n2 is preferred");
    run.now += CLOCK_GAP_MS;
    run.pass(AWAITED_MS_MAX, [[2]]);
    expect(run.hold).toBeUndefined();
  });

  test("is waited for as long as a node that is not heard says by gossip that it holds the VIP", () => {
    const run = new Run([...two, modelNode(3)]);
    const holder = run.state.peers.get(idOf(3))!;
    for (let sequence = 1; sequence <= 3 * AWAITED_MS_MAX / RECORD_MS; sequence++) {
      const record = {
        ...holder.record,
        sequence: holder.record.sequence + 1,
        claims: { [VIP]: 3 },
      };
      run.tell({ kind: "record", record });
      run.pass(RECORD_MS, [[2]]);
    }
    expect(run.lifeOf(3)).toBe("dead");
    expect(run.hold).toBeUndefined();
    run.pass(2 * RECORD_MS + AWAITED_MS_MAX + 120, [[2]]);
    expect(run.hold?.phase).toBe("holding");
  });

  test("is waited for as long as it takes where it hands the VIP over", () => {
    const run = new Run([modelNode(1), modelNode(2, { priority: 110 }), modelNode(3)]);
    run.pass(2 * AWAITED_MS_MAX, [[2], [3, [3, true]]]);
    expect(run.hold).toBeUndefined();
  });
});

describe("a holder that falls silent", () => {
  test("is succeeded as soon as it is dead: the LAN was asked while the silence lasted", () => {
    const run = new Run([modelNode(1), modelNode(2, { holds: holding(3) })]);
    run.pass(200);
    expect(run.state.witnesses.has(VIP)).toBe(true);
    run.pass(190);
    expect(run.hold).toBeUndefined();
    run.pass(10);
    expect(run.hold).toMatchObject({ epoch: 4, phase: "holding", rival: false });
  });

  test("and pulses again is left alone, and so is the LAN", () => {
    const run = new Run([modelNode(1), modelNode(2, { holds: holding(3) })]);
    run.pass(300);
    run.pass(10, [[2, [3]]]);
    expect(run.state.witnesses.size).toBe(0);
    expect(run.hold).toBeUndefined();
  });

  test("is no concern of a node that would not be next", () => {
    const run = new Run([
      modelNode(1),
      modelNode(2, { holds: holding(3) }),
      modelNode(3, { priority: 110 }),
    ]);
    run.pass(300, [[3]]);
    expect(run.lifeOf(2)).toBe("suspect");
    expect(run.state.witnesses.size).toBe(0);
  });
});

describe("paceMs", () => {
  const cases: [what: string, model: ModelNode[], change: (run: Run) => void, pressing: boolean][] =
    [
      ["all is well", [modelNode(1, { holds: holding(3) }), modelNode(2)], () => {}, false],
      ["the LAN is asked", [modelNode(1)], (run) => run.pass(10), true],
      ["this node starts", [modelNode(1, { phase: "starting" })], () => {}, true],
      ["this node leaves", [modelNode(1, { phase: "leaving" })], () => {}, true],
      ["a peer is suspect", [modelNode(1), modelNode(2, { life: "suspect" })], () => {}, true],
      ["a peer is dead", [modelNode(1), modelNode(2, { life: "dead" })], () => {}, false],
      [
        "a rival is there",
        [
          modelNode(1, { holds: holding(3) }),
          modelNode(2, { holds: holding(2) }),
        ],
        () => {},
        true,
      ],
      ["a VIP lingers", [modelNode(1, { holds: holding(3, "lingering") })], () => {}, true],
    ];
  test.each(cases)("when %s", (_what, model, change, pressing) => {
    const run = new Run(model);
    change(run);
    expect(paceMs(run.state)).toBe(pressing ? PRESSING_TICK_MS : TICK_MS);
  });

  test("during a handover", () => {
    const model = [modelNode(1, { holds: holding(3) }), modelNode(2)];
    expect(paceMs(new Run(model, [{ to: 2, fromEpoch: 3 }]).state)).toBe(PRESSING_TICK_MS);
  });
});
