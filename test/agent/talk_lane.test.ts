import { describe, expect, test } from "bun:test";
import { TalkLane } from "../../src/agent/talk_lane.ts";
import type { NodeId } from "../../src/core/document/document.ts";
import type { Pulse } from "../../src/core/cluster/pulse.ts";
import type { NodeRecord } from "../../src/core/cluster/record.ts";
import type { State } from "../../src/core/state.ts";
import { RECORD_MS, SLOW_PULSE_MS } from "../../src/core/timing.ts";
import {
  addressOf,
  holding,
  idOf,
  type ModelNode,
  modelNode,
  NOW,
  service,
  viewOf,
} from "../support/cluster_views.ts";
import { fakeMemory, keptLog } from "../support/fake_memory.ts";

class Bench {
  readonly memory = fakeMemory();
  readonly log = keptLog();
  readonly state: State;
  readonly lane: TalkLane;
  readonly pulses: Pulse[] = [];
  readonly records: NodeRecord[] = [];
  readonly wanted: (readonly { readonly id: NodeId; readonly heard?: boolean }[])[] = [];
  readonly exchanges: NodeId[] = [];
  connected: NodeId[] = [];
  digest = "";
  exchange: () => Promise<void> = () => Promise.resolve();
  now = NOW;

  constructor(model: readonly ModelNode[]) {
    this.state = viewOf(model, 1, { services: [service()] });
    this.lane = new TalkLane({
      clock: { now: () => this.now, wallMs: () => this.now },
      pulses: { send: (pulse) => void this.pulses.push(pulse), close: () => {} },
      gossip: {
        publishRecord: (record) => void this.records.push(record),
        connected: () => this.connected,
        wantPeers: (peers) => void this.wanted.push(peers),
        close: () => Promise.resolve(),
      },
      store: {
        current: () => this.state.document,
        lost: null,
        digest: () => this.digest,
        edit: () => Promise.resolve({ sentTo: 0, storedBy: () => Promise.resolve([]) }),
        history: () => [],
        synchronize: (id) => {
          this.exchanges.push(id);
          return this.exchange();
        },
        close: () => Promise.resolve(),
      },
      memory: this.memory,
      log: this.log,
    });
  }

  /** Speaks every 10 ms for so long; pulses and records from before are forgotten. */
  speak(ms = 0): this {
    this.pulses.length = 0;
    this.records.length = 0;
    this.lane.speak(this.state, this.now);
    for (let passed = 10; passed <= ms; passed += 10) {
      this.now += 10;
      this.lane.speak(this.state, this.now);
    }
    return this;
  }

  /** Pulses to the peer since {@link speak} began. */
  to(index: number): Pulse[] {
    return this.pulses.filter((pulse) => pulse.to === idOf(index));
  }
}

const HOLDER = modelNode(1, { holds: holding(3) });

describe("pulses", () => {
  test("keep the fast beat to those who need it, and the slow one to others", () => {
    const idle = modelNode(3, { director: false, realServer: false });
    const bench = new Bench([HOLDER, modelNode(2), idle]);
    bench.speak();
    bench.speak(10_000);
    expect(bench.to(2)).toHaveLength(10_000 / bench.state.self.pulseMs);
    expect(bench.to(3)).toHaveLength(10_000 / SLOW_PULSE_MS);
    expect(bench.to(2)[0]?.intervalMs).toBe(bench.state.self.pulseMs);
    expect(bench.to(3)[0]?.intervalMs).toBe(SLOW_PULSE_MS);
  });

  test("keep their number per second when turns of the loop come late", () => {
    const bench = new Bench([HOLDER, modelNode(2)]);
    bench.speak();
    bench.pulses.length = 0;
    for (let turn = 0; turn < 250; turn++) {
      bench.now += 40;
      bench.lane.speak(bench.state, bench.now);
    }
    expect(bench.to(2)).toHaveLength(10_000 / bench.state.self.pulseMs);
  });

  test("after a long pause make up for nothing", () => {
    const bench = new Bench([HOLDER, modelNode(2)]);
    bench.speak();
    bench.now += 5_000;
    expect(bench.speak(90).to(2)).toHaveLength(1);
  });

  test("are numbered, and counted", () => {
    const bench = new Bench([HOLDER, modelNode(2), modelNode(3)]);
    bench.speak(1_000);
    const numbers = bench.pulses.map(({ sequence }) => sequence);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(bench.lane.pulsesSent).toBe(numbers.length);
  });

  test("go twice to everybody at once when something changed, and then keep their beat", () => {
    const bench = new Bench([HOLDER, modelNode(2), modelNode(3)]);
    bench.speak(50);
    bench.state.pulseVersion++;
    bench.speak(90);
    expect(bench.to(2)).toHaveLength(2);
    expect(bench.to(3)).toHaveLength(2);
    bench.now += 10;
    expect(bench.speak().to(2)).toHaveLength(1);
  });

  test("answer who asks at once, once, and nobody else", () => {
    const bench = new Bench([modelNode(1), modelNode(2), modelNode(3)]);
    bench.speak(50);
    bench.state.unanswered.add(idOf(2));
    bench.now += 10;
    bench.speak(50);
    expect(bench.to(2)).toHaveLength(1);
    expect(bench.to(3)).toHaveLength(0);
    expect(bench.state.unanswered.size).toBe(0);
  });

  test("ask back who is not known to be alive", () => {
    const bench = new Bench([
      modelNode(1),
      modelNode(2),
      modelNode(3, { life: "suspect" }),
      modelNode(4, { life: "dead" }),
    ]);
    bench.speak();
    expect([2, 3, 4].map((index) => bench.to(index)[0]?.ask)).toEqual([false, true, true]);
  });

  test("do not go to who has left", () => {
    const bench = new Bench([HOLDER, modelNode(2, { life: "left" })]);
    bench.state.unanswered.add(idOf(2));
    expect(bench.speak(1_000).pulses).toEqual([]);
  });

  test("go also to who had left while this node starts: it may be back", () => {
    const bench = new Bench([modelNode(1, { phase: "starting" }), modelNode(2, { life: "left" })]);
    expect(bench.speak(300).to(2).length).toBeGreaterThanOrEqual(3);
  });
});

describe("records", () => {
  test("go out about once a second, numbered, with the document's digest", () => {
    const bench = new Bench([modelNode(1), modelNode(2)]);
    bench.speak();
    bench.digest = "d2";
    bench.speak(10_000);
    expect(bench.records).toHaveLength(10_000 / RECORD_MS);
    const numbers = bench.records.map(({ sequence }) => sequence);
    expect(numbers).toEqual(numbers.map((_, index) => index + 2));
    expect(bench.records[0]).toMatchObject({ id: idOf(1), document: "d2" });
  });

  test("go out at once on change", () => {
    const bench = new Bench([modelNode(1), modelNode(2)]);
    bench.speak(100);
    bench.state.recordVersion++;
    bench.now += 10;
    expect(bench.speak(100).records).toHaveLength(1);
  });

  test("of a node that changes without end do not crowd out the others'", () => {
    const model = Array.from({ length: 40 }, (_, index) => modelNode(index + 1));
    const bench = new Bench(model);
    for (let round = 0; round < 1_000; round++) {
      bench.state.recordVersion++;
      bench.now += 10;
      bench.lane.speak(bench.state, bench.now);
    }
    // Three at once, and then one every 400 ms: 10 ms for each node of the cluster.
    expect(bench.records.length).toBeWithin(26, 30);
    // The last change is told, too.
    bench.speak(400);
    expect(bench.records.length).toBeGreaterThan(0);
  });

  test("go out less often in a large cluster", () => {
    const model = Array.from({ length: 20 }, (_, index) => modelNode(index + 1));
    const bench = new Bench(model);
    bench.speak();
    expect(bench.speak(10_000).records).toHaveLength(5);
  });

  test("go out without any peer", () => {
    expect(new Bench([modelNode(1)]).speak().records).toHaveLength(1);
  });
});

describe("connections", () => {
  const contact = (index: number) => ({
    id: idOf(index),
    addresses: [addressOf(index)],
    port: 6_940,
  });

  test("are wanted with every peer that has not left, and those of an earlier run", () => {
    const bench = new Bench([modelNode(1), modelNode(2), modelNode(3, { life: "left" })]);
    bench.memory.rememberPeers([1, 2, 3, 4].map(contact));
    bench.speak();
    expect(bench.wanted).toEqual([[{ ...contact(2), heard: true }, contact(4)]]);
    expect(bench.memory.knownPeers()).toEqual([contact(2), contact(4)]);
  });

  test("are told to gossip only when they change", () => {
    const bench = new Bench([modelNode(1), modelNode(2)]);
    bench.speak(1_000);
    expect(bench.wanted).toHaveLength(1);
    const peer = bench.state.peers.get(idOf(2));
    if (peer !== undefined) peer.record = { ...peer.record, port: 7_000 };
    bench.state.tableVersion++;
    bench.speak(1_000);
    expect(bench.wanted).toHaveLength(2);
  });

  test("are told who is heard: whoever comes back is dialled soon", () => {
    const bench = new Bench([modelNode(1), modelNode(2)]);
    const life = bench.state.peers.get(idOf(2))!.life;
    for (const state of ["dead", "alive", "suspect"] as const) {
      life.state = state;
      bench.state.tableVersion++;
      bench.speak();
    }
    expect(bench.wanted).toEqual([false, true].map((heard) => [{ ...contact(2), heard }]));
  });

  test("of an earlier run are not forgotten before anybody is heard of", () => {
    const bench = new Bench([modelNode(1)]);
    bench.memory.rememberPeers([contact(4)]);
    bench.speak();
    expect(bench.wanted).toEqual([[contact(4)]]);
    expect(bench.memory.knownPeers()).toEqual([contact(4)]);
  });
});

describe("the document", () => {
  test("is exchanged with connected peers whose digest differs, now and then", () => {
    const bench = new Bench([modelNode(1), modelNode(2), modelNode(3), modelNode(4)]);
    bench.connected = [idOf(2), idOf(3), idOf(9)];
    const peer = bench.state.peers.get(idOf(3));
    if (peer !== undefined) peer.record = { ...peer.record, document: "other" };
    bench.speak(200);
    expect(bench.exchanges).toEqual([]);
    bench.speak(990);
    expect(bench.exchanges).toEqual([idOf(3), idOf(3)]);
    if (peer !== undefined) peer.record = { ...peer.record, document: "" };
    bench.speak(2_000);
    expect(bench.exchanges).toHaveLength(2);
  });

  test("is not exchanged with peers that soon tell the same digest", () => {
    const bench = new Bench(Array.from({ length: 10 }, (_, index) => modelNode(index + 1)));
    bench.connected = [2, 3, 4, 5, 6, 7, 8, 9, 10].map(idOf);
    for (let edit = 1; edit <= 20; edit++) {
      bench.digest = `d${edit}`;
      bench.speak(150);
      for (const peer of bench.state.peers.values()) {
        peer.record = { ...peer.record, document: bench.digest };
      }
      bench.speak(50);
    }
    expect(bench.exchanges).toEqual([]);
  });

  test("is exchanged with a few at a time, and not with the same first everywhere", () => {
    const bench = new Bench(Array.from({ length: 10 }, (_, index) => modelNode(index + 1)));
    bench.connected = [10, 9, 8, 7, 6, 5, 4, 3, 2].map(idOf);
    bench.digest = "mine";
    bench.exchange = () => new Promise(() => {});
    bench.speak(5_000);
    expect(bench.exchanges).toEqual([2, 3, 4].map(idOf));
  });

  test("that cannot be exchanged is tried again, quietly", async () => {
    const bench = new Bench([modelNode(1), modelNode(2)]);
    bench.connected = [idOf(2)];
    bench.digest = "mine";
    bench.exchange = () => Promise.reject(new Error("stream reset"));
    for (let round = 0; round < 90; round++) {
      bench.now += 10;
      bench.lane.speak(bench.state, bench.now);
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(bench.exchanges).toHaveLength(2);
    expect(bench.log.lines())
      .toEqual(Array(2).fill("debug: document exchange failed, will be tried again"));
  });
});
