/**
 * What time does to a node that holds the VIP: rivals, handovers, announcements, leaving.
 */
import { describe, expect, test } from "bun:test";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { announcementsDue } from "../../src/core/cluster/announcements.ts";
import {
  ANNOUNCE_REFRESH_MS,
  LEAVE_WAIT_MS,
  LINGER_MS,
  REUNION_MS,
} from "../../src/core/timing.ts";
import { hold, holding, idOf, modelNode, NOW, VIP } from "../support/cluster_views.ts";
import { touched } from "../support/touched.ts";
import { Run, TICK } from "../support/virtual_run.ts";

describe("a holder", () => {
  test("that meets a better claim lets go: settling, lingering, gone", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    run.pass(10, [[2, [4]]]);
    expect(run.hold).toMatchObject({ phase: "settling", sinceMs: run.now });
    expect(run.state.releases).toBe(1);
    run.pass(20, [[2, [4]]]);
    run.tell({ kind: "tableSettled", version: run.state.tableVersion });
    expect(run.hold?.phase).toBe("lingering");
    run.pass(LINGER_MS - 10, [[2, [4]]]);
    expect(run.hold?.phase).toBe("lingering");
    run.pass(10, [[2, [4]]]);
    expect(run.hold).toBeUndefined();
    expect(run.state.reasons.get(VIP)).toBe("n2 holds it with epoch 4");
  });

  test("lingers even if its table never becomes what it wants", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    run.pass(10, [[2, [4]]]);
    run.pass(990, [[2, [4]]]);
    expect(run.hold?.phase).toBe("settling");
    run.pass(10, [[2, [4]]]);
    expect(run.hold?.phase).toBe("lingering");
  });

  test("sees a rival come and go, and announces itself anew after it", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    expect(announcementsDue(run.state, run.now)).toEqual([]);
    run.pass(10, [[2, [2]]]);
    expect(run.hold).toMatchObject({ phase: "holding", rival: true });
    const version = run.state.tableVersion;
    run.hear(2);
    run.now += 10;
    run.tell(TICK);
    expect(run.hold?.rival).toBe(false);
    expect(run.state.tableVersion).toBeGreaterThan(version);
    expect(announcementsDue(run.state, run.now)).toEqual([VIP]);
  });

  test.each([
    ["was taken for dead", (run: Run) => run.pass(500)],
    ["took this node for dead", (run: Run) => {
      Object.assign(run.state.peers.get(idOf(2))!.life, { deaf: true, sinceMs: run.now });
      run.tell(TICK);
    }],
  ])(
    "announces itself anew when a director is back that %s: it may have told its part otherwise",
    (_, part) => {
      const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
      part(run);
      expect(announcementsDue(run.state, run.now)).toEqual([]);
      const partedMs = run.now;
      run.pass(REUNION_MS - 10, [[2]]);
      expect(run.hold?.announcedMs).toBe(NOW);
      run.pass(20, [[2]]);
      expect(run.hold?.announcedMs).toBeGreaterThan(partedMs);
    },
  );

  test("announces itself to nobody when another holder is heard soon after that director, to which it loses", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2), modelNode(3)]);
    run.pass(500);
    run.pass(REUNION_MS - 50, [[2]]);
    run.pass(1_500, [[2], [3, [4]]]);
    expect(run.hold).toMatchObject({ phase: "lingering", announcedMs: NOW });
  });

  test("does not for a node that can hold nothing", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2, { director: false })]);
    run.pass(500);
    run.pass(2 * REUNION_MS, [[2]]);
    expect(run.hold?.announcedMs).toBe(NOW);
  });

  test("drops what the document does not have any more", () => {
    const run = new Run([modelNode(1, { holds: holding(3) })]);
    run.state.witnesses.set("10.0.0.101", {
      lastAskedMs: NOW,
      asks: 1,
      mac: null,
    });
    run.tell({
      kind: "document",
      document: EMPTY_DOCUMENT,
    });
    expect(touched(run.state, TICK, NOW + 10)).toBe("table record pulse");
    expect(run.state.holds.size + run.state.witnesses.size + run.state.reasons.size).toBe(0);
  });

  test("that is to move keeps the moment in which the handover began", () => {
    const model = [modelNode(1, { holds: holding(3) }), modelNode(2)];
    const run = new Run(model, [{ to: 2, fromEpoch: 3 }]);
    const began = run.hold?.funnelMs;
    expect(run.hold?.successor).toBe(idOf(2));
    run.pass(100, [[2]]);
    expect(run.hold?.funnelMs).toBe(began as number);
  });

  test("ends a handover whose target is lost", () => {
    const model = [modelNode(1, { holds: holding(3) }), modelNode(2)];
    const run = new Run(model, [{ to: 2, fromEpoch: 3 }]);
    run.pass(400);
    expect(run.hold).toMatchObject({ phase: "holding", successor: null, funnelMs: null });
  });

  test("announces itself anew when the one it hands over to dies: its claim may have been told to the LAN only", () => {
    const model = [modelNode(1, { holds: holding(3) }), modelNode(2)];
    const run = new Run(model, [{ to: 2, fromEpoch: 3 }]);
    const announcedMs = run.hold?.announcedMs;
    run.pass(300, [[2]]);
    expect(run.hold?.announcedMs).toBe(announcedMs as number);
    const diedMs = run.now;
    run.pass(1_000);
    expect(run.hold?.announceFrom.at(-1)).toBeGreaterThan(diedMs);
    expect(run.hold?.announcedMs).toBeGreaterThan(diedMs);
  });
});

describe("announcements", () => {
  /** Turns of 10 ms in which the VIP was announced, as times since `fromMs`. */
  function announcedIn(run: Run, turns: number, fromMs: number): number[] {
    const madeMs: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      run.pass(10);
      if (run.hold?.announcedMs === run.now) madeMs.push(run.now - fromMs);
    }
    return madeMs;
  }

  test("are made at once, again soon, and after the second in which neighbours take no news", () => {
    const run = new Run([modelNode(1)]);
    run.pass(90);
    const claimedMs = run.hold?.sinceMs ?? NaN;
    // The first was made in the turn of the claim itself.
    expect(run.hold?.announcedMs).toBe(claimedMs);
    const madeMs = announcedIn(run, 1_000, claimedMs);
    expect(madeMs).toEqual([100, 500, 1_100, 2_200, 3_300, 5_000]);
    expect(madeMs.filter((ms, index) => ms - (madeMs[index - 1] ?? 0) > 1_000).length)
      .toBeGreaterThan(1);
  });

  test("are repeated for ever, seldom", () => {
    const run = new Run([modelNode(1, { holds: holding(3) })]);
    expect(announcementsDue(run.state, NOW + ANNOUNCE_REFRESH_MS - 1)).toEqual([]);
    expect(announcementsDue(run.state, NOW + ANNOUNCE_REFRESH_MS)).toEqual([VIP]);
  });

  test("that begin anew do not put off those of before", () => {
    const run = new Run([modelNode(1)]);
    run.pass(90);
    const claimedMs = run.hold?.sinceMs ?? NaN;
    run.pass(300);
    run.tell({ kind: "restored", vip: VIP });
    const madeMs = announcedIn(run, 200, claimedMs);
    const anewMs = run.hold?.announceFrom.at(-1) as number - claimedMs;
    const later = [100, 500, 1_100].map((ms) => anewMs + ms);
    expect(madeMs).toEqual([anewMs + 10, 500, 1_100, ...later, 2_200].toSorted((a, b) => a - b));
  });

  test("run by a few schedules at most, whatever comes and goes", () => {
    const run = new Run([modelNode(1, { holds: holding(3) })]);
    for (let times = 0; times < 100; times++) run.tell({ kind: "restored", vip: VIP });
    expect(run.hold?.announceFrom.length).toBeLessThan(10);
    run.pass(6_000);
    run.tell({ kind: "restored", vip: VIP });
    expect(run.hold?.announceFrom).toEqual([run.now]);
  });

  test("that failed stay due", () => {
    const run = new Run([modelNode(1)]);
    run.state.holds.set(VIP, hold({ announcedMs: NOW - 1, announceFrom: [NOW] }));
    expect(announcementsDue(run.state, NOW)).toEqual([VIP]);
    expect(announcementsDue(run.state, NOW + 20)).toEqual([VIP]);
  });

  test.each(["settling", "lingering"] as const)("are not made for a VIP that is %s", (phase) => {
    const run = new Run([modelNode(1)]);
    run.state.holds.set(VIP, hold({ phase, announceFrom: [NOW] }));
    expect(announcementsDue(run.state, NOW)).toEqual([]);
  });
});

describe("a node that leaves", () => {
  test("holding nothing stops at once, and says so", () => {
    const run = new Run([modelNode(1), modelNode(2)]);
    run.tell({ kind: "leave" });
    expect(touched(run.state, TICK, NOW + 10)).toBe("record pulse");
    expect(run.state.phase).toBe("stopped");
  });

  test("hands over, finishes what still arrives, then stops", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    run.tell({ kind: "leave" });
    run.pass(100, [[2]]);
    expect(run.hold).toMatchObject({ phase: "holding", successor: idOf(2) });
    run.pass(10, [[2, [4]]]);
    expect(run.hold?.phase).toBe("settling");
    run.tell({ kind: "tableSettled", version: run.state.tableVersion });
    run.pass(LINGER_MS - 10, [[2, [4]]]);
    expect(run.state.phase).toBe("leaving");
    run.pass(10, [[2, [4]]]);
    expect(run.state.phase).toBe("stopped");
  });

  test("does not wait for ever for a successor that does not come", () => {
    const run = new Run([modelNode(1, { holds: holding(3) }), modelNode(2)]);
    run.tell({ kind: "leave" });
    // The successor's time begins with the first turn.
    run.pass(LEAVE_WAIT_MS, [[2]]);
    expect(run.hold?.phase).toBe("holding");
    run.pass(10, [[2]]);
    expect(run.hold?.phase).toBe("settling");
    run.pass(1_000 + LINGER_MS, [[2]]);
    expect(run.state.phase).toBe("stopped");
  });
});
