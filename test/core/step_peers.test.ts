/**
 * What step() makes of what peers say: pulses, records, closed connections.
 */
import { describe, expect, test } from "bun:test";
import type { Pulse } from "../../src/core/cluster/pulse.ts";
import type { NodeRecord } from "../../src/core/cluster/record.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import type { Peer, State } from "../../src/core/state.ts";
import { ANSWERS } from "../../src/core/cluster/answers.ts";
import { isNews } from "../../src/core/news.ts";
import { type Fact, step } from "../../src/core/step.ts";
import { sampleRecord } from "../support/sample_record.ts";
import { idOf, LAN, modelNode, NOW, service, viewOf, VIP } from "../support/cluster_views.ts";
import { touched } from "../support/touched.ts";

const KEY = serviceKey(service());
const OTHER = service({ port: 81 });

function start(): { state: State; peer: Peer } {
  const state = viewOf([modelNode(1), modelNode(2)], 1, { services: [service(), OTHER] });
  return { state, peer: state.peers.get(idOf(2)) as Peer };
}

/** A pulse of the peer as it would send it; what a test cares about is given. */
function pulseOf(
  { state, peer }: { state: State; peer: Peer },
  fields: Partial<Pulse> = {},
): Fact & {
  kind: "pulse";
} {
  return {
    kind: "pulse",
    path: LAN,
    pulse: {
      from: peer.record.id,
      to: state.self.id,
      boot: peer.life.boot,
      sequence: 1,
      echo: state.self.boot,
      intervalMs: 100,
      leaving: false,
      ask: false,
      starting: false,
      deaf: false,
      witness: "none",
      claims: new Map(),
      ...fields,
    },
  };
}

const claim = (epoch: number, yielding = false) => new Map([[VIP, { epoch, yielding }]]);

describe("a pulse", () => {
  test("proves life on its path, and keeps what it promises", () => {
    const at = start();
    expect(touched(at.state, pulseOf(at, { intervalMs: 1_000 }), NOW + 50)).toBe("");
    expect(at.peer.life).toMatchObject({ heardMs: NOW + 50, promisedMs: 1_000 });
    expect(at.peer.life.heardOn.get(LAN)).toBe(NOW + 50);
  });

  test("keeps the longest gap", () => {
    const at = start();
    for (const ms of [100, 350, 400]) step(at.state, pulseOf(at), NOW + ms);
    expect(at.peer.life.gapMaxMs).toBe(250);
  });

  test("of a stranger changes nothing", () => {
    const at = start();
    expect(touched(at.state, pulseOf(at, { from: idOf(9), claims: claim(9) }))).toBe("");
    expect(at.state.epochs.get(VIP)).toBe(0);
    expect(at.state.unanswered.size).toBe(0);
  });

  test("of an earlier run changes nothing", () => {
    const at = start();
    const old = pulseOf(at, { boot: at.peer.life.boot - 1, claims: claim(9), leaving: true });
    expect(touched(at.state, old, NOW + 50)).toBe("");
    expect(at.peer.life).toMatchObject({ heardMs: NOW, leaving: false });
    expect(at.state.epochs.get(VIP)).toBe(0);
  });

  test("for another run of this node proves nothing, but is answered and its epochs are noted", () => {
    const at = start();
    const recording = pulseOf(at, { echo: at.state.self.boot - 1, claims: claim(9) });
    expect(touched(at.state, recording, NOW + 50)).toBe("");
    expect(at.peer.life.heardMs).toBe(NOW);
    expect(at.peer.life.claims.size).toBe(0);
    expect([...at.state.unanswered]).toEqual([idOf(2)]);
    expect(at.state.epochs.get(VIP)).toBe(9);
  });

  test("of a new run ends what the earlier one said, until the new one proves to know this run", () => {
    const at = start();
    step(at.state, pulseOf(at, { claims: claim(3) }), NOW);
    at.peer.life.askedMs = NOW;
    const boot = at.peer.life.boot + 5;
    expect(touched(at.state, pulseOf(at, { boot, echo: 0, claims: claim(4) }), NOW + 70)).toBe(
      "table",
    );
    expect(at.peer.life).toMatchObject({
      boot,
      metMs: NOW + 70,
      heardMs: -Infinity,
      askedMs: null,
    });
    expect(at.peer.life.claims.size).toBe(0);
    expect([...at.state.unanswered]).toEqual([idOf(2)]);
    expect(touched(at.state, pulseOf(at, { claims: claim(4) }), NOW + 80)).toBe("table");
    expect(at.peer.life).toMatchObject({ heardMs: NOW + 80, claims: claim(4) });
  });

  test("of a new run of a node that had stopped makes it a peer again, before its record comes", () => {
    const at = start();
    at.peer.record = { ...at.peer.record, phase: "left" };
    step(at.state, { kind: "tick" }, NOW + 10);
    expect(at.peer.life.state).toBe("left");
    const boot = at.peer.life.boot + 5;
    step(at.state, pulseOf(at, { boot, echo: 0 }), NOW + 20);
    step(at.state, { kind: "tick" }, NOW + 20);
    expect(at.peer.life.state).toBe("suspect");
    expect([...at.state.unanswered]).toEqual([idOf(2)]);
  });

  test("that asks is answered", () => {
    const at = start();
    step(at.state, pulseOf(at, { ask: true }), NOW);
    expect([...at.state.unanswered]).toEqual([idOf(2)]);
  });

  test("answers a direct question", () => {
    const at = start();
    at.peer.life.askedMs = NOW;
    step(at.state, pulseOf(at), NOW + 5);
    expect(at.peer.life.askedMs).toBeNull();
  });

  const changes: [what: string, fields: Partial<Pulse>, touches: string][] = [
    ["a claim", { claims: claim(1) }, "table"],
    ["leaving", { leaving: true }, "table"],
    ["starting", { starting: true }, "table"],
    ["nothing new", { sequence: 2 }, ""],
  ];
  test.each(changes)("that tells %s concerns: %s", (_what, fields, touches) => {
    const at = start();
    expect(touched(at.state, pulseOf(at, fields))).toBe(touches);
  });

  const claims: [what: string, next: Pulse["claims"], touches: string][] = [
    ["the same claim", claim(1), ""],
    ["a higher epoch", claim(2), "table"],
    ["that it is ready for a successor", claim(1, true), "table"],
    ["no claim", new Map(), "table"],
    ["another VIP", new Map([["10.0.0.101", { epoch: 1, yielding: false }]]), "table"],
  ];
  test.each(claims)("that after a claim tells %s", (_what, next, touches) => {
    const at = start();
    step(at.state, pulseOf(at, { claims: claim(1) }), NOW);
    expect(touched(at.state, pulseOf(at, { claims: next }))).toBe(touches);
  });
});

describe("a flood of recordings", () => {
  const SECONDS = 5;

  /** Turns of the loop in which the peer would be answered, if so many come in each. */
  function answers(fields: (count: number) => Partial<Pulse>): number {
    const at = start();
    let answered = 0;
    for (let turn = 0; turn < 50 * SECONDS; turn++) {
      for (let count = 0; count < 10; count++) {
        step(at.state, pulseOf(at, fields(10 * turn + count)), NOW + 20 * turn);
      }
      answered += at.state.unanswered.size;
      at.state.unanswered.clear();
    }
    return answered;
  }
  const most = ANSWERS.burst + SECONDS * ANSWERS.perSecond;

  test("from before this node's start brings its sender a few answers a second, and nobody else any", () => {
    expect(answers((sequence) => ({ echo: 7, sequence, ask: true }))).toBeLessThanOrEqual(most);
    expect(answers((sequence) => ({ echo: 7, sequence, ask: true }))).toBeGreaterThan(
      SECONDS * ANSWERS.perSecond - 5,
    );
  });

  test("of ever newer runs, which only the sender itself could make, brings it no more", () => {
    const answered = answers((count) => ({ echo: 7, boot: 10_000 + count }));
    expect(answered).toBeLessThanOrEqual(most);
  });

  test("of an earlier run of the sender brings none", () => {
    expect(answers((sequence) => ({ echo: 7, boot: 1, sequence, ask: true }))).toBe(0);
  });
});

describe("isNews", () => {
  const cases: [what: string, fields: Partial<Pulse>, news: boolean][] = [
    ["one more beat", {}, false],
    ["a question", { ask: true }, true],
    ["a new run", { boot: 9_999 }, true],
    ["somebody who does not know this run", { echo: 0 }, true],
    ["leaving", { leaving: true }, true],
    ["starting", { starting: true }, true],
    ["a claim", { claims: claim(1) }, true],
    ["an earlier run", { boot: 1 }, false],
    ["a stranger", { from: idOf(9) }, false],
  ];
  test.each(cases)("a pulse that tells %s: %p", (_what, fields, news) => {
    const at = start();
    expect(isNews(at.state, pulseOf(at, fields))).toBe(news);
  });

  test("recordings of an earlier run of this node are, as long as they are answered", () => {
    const at = start();
    const recording = pulseOf(at, { echo: 0 });
    for (let count = 0; count < ANSWERS.burst; count++) step(at.state, recording, NOW);
    expect(isNews(at.state, recording)).toBe(false);
  });

  test("a pulse of a peer that was silent is news", () => {
    const at = start();
    at.peer.life.state = "suspect";
    expect(isNews(at.state, pulseOf(at))).toBe(true);
  });

  test("every other fact is, but for the answers of the LAN: they count when time has passed", () => {
    const { state } = start();
    expect(isNews(state, { kind: "leave" })).toBe(true);
    expect(isNews(state, { kind: "connectionClosed", id: idOf(2) })).toBe(true);
    expect(isNews(state, { kind: "answer", vip: VIP, mac: "" })).toBe(false);
  });

  test("a record is in a small cluster; in a large one many tell the same", () => {
    const record = sampleRecord({ id: idOf(2) });
    for (const [nodes, news] of [[2, true], [10, true], [11, false], [40, false]] as const) {
      const model = Array.from({ length: nodes }, (_, index) => modelNode(index + 1));
      expect(isNews(viewOf(model, 1, { services: [] }), { kind: "record", record })).toBe(news);
    }
  });
});

describe("a record", () => {
  const from = (peer: Peer, fields: Partial<NodeRecord> = {}): Fact => ({
    kind: "record",
    record: { ...peer.record, sequence: peer.record.sequence + 1, ...fields },
  });

  test("of somebody new makes a peer, which gets a pulse at once", () => {
    const { state } = start();
    const record = sampleRecord({ id: idOf(7), claims: { [VIP]: 6 } });
    expect(touched(state, { kind: "record", record })).toBe("table");
    expect(state.peers.get(idOf(7))).toMatchObject({
      record,
      life: { state: "suspect", heardMs: -Infinity, metMs: NOW, boot: 0 },
    });
    expect([...state.unanswered]).toEqual([idOf(7)]);
    expect(state.epochs.get(VIP)).toBe(6);
    // A claim counts when it is heard by pulse.
    expect(state.peers.get(idOf(7))?.life.claims.size).toBe(0);
  });

  test("tells the epochs that its node has seen of VIPs nobody holds", () => {
    const { state, peer } = start();
    step(state, from(peer, { epochs: { [VIP]: 8 } }), NOW);
    expect(state.epochs.get(VIP)).toBe(8);
    step(state, from(peer, { sequence: peer.record.sequence + 1, epochs: { [VIP]: 7 } }), NOW);
    expect(state.epochs.get(VIP)).toBe(8);
  });

  test("of this node itself is ignored", () => {
    const { state } = start();
    expect(touched(state, { kind: "record", record: sampleRecord({ id: state.self.id }) })).toBe(
      "",
    );
    expect([...state.peers.keys()]).toEqual([idOf(2)]);
  });

  test.each([
    [1_002, 1, false],
    [1_002, 0, false],
    [1_001, 99, false],
    [1_002, 2, true],
    [1_003, 0, true],
  ])("of boot %d, sequence %d replaces that of 1002, 1: %p", (boot, sequence, replaces) => {
    const { state, peer } = start();
    step(state, from(peer, { boot, sequence, priority: 7 }), NOW);
    expect(peer.record.priority === 7).toBe(replaces);
  });

  const down = { up: false, reason: "timed out", sinceMs: 0, tookMs: 1 };
  const changes: [what: string, fields: (peer: Peer) => Partial<NodeRecord>, touches: string][] = [
    ["nothing new", () => ({}), ""],
    ["how long a probe took", ({ record }) => ({
      verdicts: Object.fromEntries(
        Object.entries(record.verdicts).map(([key, item]) => [key, { ...item, tookMs: 9 }]),
      ),
    }), ""],
    ["another document", () => ({ document: "x" }), ""],
    [
      "another verdict",
      ({ record }) => ({ verdicts: { ...record.verdicts, [KEY]: down } }),
      "table",
    ],
    ["one verdict less", ({ record }) => ({
      verdicts: { [KEY]: record.verdicts[KEY] as typeof down },
    }), "table"],
    ["another address", () => ({
      paths: [{ interface: LAN, address: "10.0.0.77", prefixLength: 24 }],
    }), "table"],
    ["another priority", () => ({ priority: 9 }), "table"],
    ["that it leaves", () => ({ phase: "leaving" }), "table"],
    ["why it is unfit", () => ({ vips: { [VIP]: "eth0 is down" } }), "table"],
    ["that it is no real server any more", () => ({ realServer: false }), "table"],
  ];
  test.each(changes)("that tells %s", (_what, fields, touches) => {
    const { state, peer } = start();
    expect(touched(state, from(peer, fields(peer)))).toBe(touches);
  });
});

describe("a closed connection", () => {
  const fact: Fact = { kind: "connectionClosed", id: idOf(2) };

  test("makes this node ask at once, and only once", () => {
    const { state, peer } = start();
    expect(touched(state, fact, NOW + 5)).toBe("pulse");
    expect(peer.life.askedMs).toBe(NOW + 5);
    expect(touched(state, fact, NOW + 9)).toBe("");
    expect(peer.life.askedMs).toBe(NOW + 5);
  });

  test("of a peer that was never heard says nothing", () => {
    const { state, peer } = start();
    peer.life.heardMs = -Infinity;
    expect(touched(state, fact)).toBe("");
    expect(peer.life.askedMs).toBeNull();
  });

  test("of nobody says nothing", () => {
    expect(touched(start().state, { ...fact, id: idOf(9) })).toBe("");
  });
});
