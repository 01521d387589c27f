import { describe, expect, test } from "bun:test";
import { checkSchema } from "../../src/core/check.ts";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import type { Peer, State } from "../../src/core/state.ts";
import { type Fact, type ProbeFact, step } from "../../src/core/step.ts";
import { LEASE_S } from "../../src/core/timing.ts";
import {
  hold,
  holding,
  idOf,
  LAN,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";
import { touched } from "../support/touched.ts";

const KEY = serviceKey(service());
const OTHER = service({ port: 81 });

function start(): { state: State; peer: Peer } {
  const state = viewOf([modelNode(1), modelNode(2)], 1, { services: [service(), OTHER] });
  return { state, peer: state.peers.get(idOf(2)) as Peer };
}

describe("a document", () => {
  test("brings its VIPs, and ends what is known of services that are gone", () => {
    const { state, peer } = start();
    const history = state.own.get(KEY);
    if (history !== undefined) {
      peer.reached.set(KEY, history);
      peer.reached.set(serviceKey(OTHER), history);
    }
    const document = {
      ...EMPTY_DOCUMENT,
      services: new Map([[serviceKey(OTHER), OTHER]]),
    };
    expect(touched(state, { kind: "document", document })).toBe("table record");
    expect([...state.own.keys()]).toEqual([serviceKey(OTHER)]);
    expect([...peer.reached.keys()]).toEqual([serviceKey(OTHER)]);
    expect(state.vips).toEqual([VIP]);
    step(state, { kind: "document", document: EMPTY_DOCUMENT }, NOW);
    expect(state.vips).toEqual([]);
  });
});

describe("a probe", () => {
  const check = checkSchema.parse({ kind: "tcp", port: null, fall: 1 });
  const probe = (fields: Partial<ProbeFact> = {}): ProbeFact => ({
    kind: "probe",
    node: null,
    key: KEY,
    check,
    result: { ok: false, reason: "timed out", tookMs: 3 },
    wallMs: 5_000,
    ...fields,
  });

  test("of an own server is told at once when it changes the verdict", () => {
    const { state } = start();
    expect(touched(state, probe())).toBe("table record");
    expect(state.own.get(KEY)).toMatchObject({ up: false, reason: "timed out", sinceMs: 5_000 });
    expect(touched(state, probe())).toBe("");
  });

  test("of a peer's server stays with this node", () => {
    const { state, peer } = start();
    expect(touched(state, probe({ node: idOf(2) }))).toBe("table");
    expect(peer.reached.get(KEY)).toMatchObject({ up: false, reason: "timed out" });
  });

  test("for a service or a peer that is gone changes nothing", () => {
    const { state } = start();
    expect(touched(state, probe({ key: "tcp/10.0.0.9:1" }))).toBe("");
    expect(touched(state, probe({ node: idOf(9) }))).toBe("");
    expect(state.own.has("tcp/10.0.0.9:1")).toBe(false);
  });

  test("that ends well after the daemon has gone does not count", () => {
    const { state } = start();
    step(state, { kind: "listeners", deaf: new Map([[KEY, "nothing listens"]]), wallMs: 0 }, NOW);
    const result = { ok: true, reason: "200", tookMs: 1 };
    expect(touched(state, probe({ result }))).toBe("");
    expect(state.own.get(KEY)).toMatchObject({ up: false, checked: false });
  });
});

describe("the listening sockets", () => {
  const deaf = (reason: string): Fact => ({
    kind: "listeners",
    deaf: new Map([[KEY, reason]]),
    wallMs: 0,
  });

  test("of a service that are gone end what its checks said", () => {
    const { state } = start();
    expect(touched(state, deaf("nothing listens"))).toBe("table record");
    expect(state.own.get(KEY)).toMatchObject({ up: false, checked: false });
    expect(state.own.has(serviceKey(OTHER))).toBe(true);
  });

  test("as they were change nothing", () => {
    const { state } = start();
    step(state, deaf("nothing listens"), NOW);
    expect(touched(state, deaf("nothing listens"))).toBe("");
    expect(touched(state, deaf("listens on 127.0.0.1 only"))).toBe("table record");
  });

  test("that are back leave the verdict to the next check", () => {
    const { state } = start();
    step(state, deaf("nothing listens"), NOW);
    expect(touched(state, { kind: "listeners", deaf: new Map(), wallMs: 0 })).toBe("table record");
    expect(state.deaf.size).toBe(0);
    expect(state.own.get(KEY)).toMatchObject({ up: false, checked: false });
  });
});

describe("placements", () => {
  const place = (unfit: string | null): Fact => ({
    kind: "placements",
    placements: new Map([[VIP, { interface: LAN, unfit }]]),
  });

  test("are told when they change, and only then", () => {
    const { state } = start();
    expect(touched(state, place(null))).toBe("");
    expect(touched(state, place("eth0 is down"))).toBe("table record");
    expect(touched(state, place("eth0 is down"))).toBe("");
    expect(touched(state, { kind: "placements", placements: new Map() })).toBe("table record");
    expect(state.placements.size).toBe(0);
  });
});

describe("the LAN", () => {
  test("is counted as asked and as answering", () => {
    const { state } = start();
    state.witnesses.set(VIP, {
      lastAskedMs: -Infinity,
      asks: 0,
      mac: null,
    });
    step(state, { kind: "asked", vip: VIP }, NOW + 1);
    step(state, { kind: "answer", vip: VIP, mac: "02:00:00:00:00:07" }, NOW + 2);
    expect(state.witnesses.get(VIP)).toEqual({
      lastAskedMs: NOW + 1,
      asks: 0,
      mac: "02:00:00:00:00:07",
    });
  });

  test("that was not asked is not listened to", () => {
    const { state } = start();
    state.witnesses.clear();
    step(state, { kind: "asked", vip: VIP }, NOW);
    step(state, { kind: "answer", vip: VIP, mac: "" }, NOW);
    expect(state.witnesses.size).toBe(0);
  });
});

describe("a hold", () => {
  test("adopted from an earlier run has the rest of its lease", () => {
    const { state } = start();
    step(state, { kind: "adopt", vip: VIP, epoch: 7, remainingMs: 600 }, NOW);
    expect(state.holds.get(VIP)).toMatchObject({
      epoch: 7,
      phase: "holding",
      renewedMs: NOW + 600 - LEASE_S * 1_000,
      announceFrom: [NOW],
    });
    expect(state.epochs.get(VIP)).toBe(7);
    expect(state.reasons.get(VIP)).toBe("adopted from an earlier run of this agent");
  });

  test("notes renewals and announcements, and begins the schedule anew when the address was gone", () => {
    const { state } = start();
    state.holds.set(VIP, hold());
    step(state, { kind: "renewed", vip: VIP }, NOW + 1);
    step(state, { kind: "announced", vip: VIP }, NOW + 2);
    expect(state.holds.get(VIP)).toMatchObject({
      renewedMs: NOW + 1,
      announcedMs: NOW + 2,
    });
    step(state, { kind: "restored", vip: VIP }, NOW + 3);
    expect(state.holds.get(VIP)).toMatchObject({ announceFrom: [NOW + 3] });
  });

  test("that is gone takes no notes", () => {
    const { state } = start();
    for (const kind of ["renewed", "announced", "restored"] as const) {
      step(state, { kind, vip: VIP }, NOW);
    }
    expect(state.holds.size).toBe(0);
  });
});

describe("a settled table", () => {
  function settling(): State {
    const state = viewOf([modelNode(1, { holds: holding(3, "settling") }), modelNode(2)], 1, {
      services: [service()],
    });
    state.tableVersion = 12;
    return state;
  }

  test("ends the claim of a VIP that was let go", () => {
    const state = settling();
    expect(touched(state, { kind: "tableSettled", version: 12 }, NOW + 30)).toBe("record pulse");
    expect(state.holds.get(VIP)).toMatchObject({ phase: "lingering", sinceMs: NOW + 30 });
  });

  test("of an earlier wish does not", () => {
    const state = settling();
    expect(touched(state, { kind: "tableSettled", version: 11 })).toBe("");
    expect(state.holds.get(VIP)?.phase).toBe("settling");
  });

  test("says nothing of a VIP that is held", () => {
    const state = viewOf([modelNode(1, { holds: holding(3) })], 1, { services: [service()] });
    expect(touched(state, { kind: "tableSettled", version: state.tableVersion })).toBe("");
    expect(state.holds.get(VIP)?.phase).toBe("holding");
  });
});

test("bypass concerns the table when it changes", () => {
  const { state } = start();
  expect(touched(state, { kind: "bypass", on: true })).toBe("");
  expect(touched(state, { kind: "bypass", on: false })).toBe("table");
  expect(state.bypassed).toBe(false);
});

test("an order to leave is told to everybody, once", () => {
  const { state } = start();
  expect(touched(state, { kind: "leave" }, NOW + 1)).toBe("table record pulse");
  expect(state).toMatchObject({ phase: "leaving", phaseMs: NOW + 1 });
  expect(touched(state, { kind: "leave" }, NOW + 2)).toBe("");
  expect(state.phaseMs).toBe(NOW + 1);
});
