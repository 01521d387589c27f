/** Three nodes change their token: real stores on disk, records that everybody hears, agents that restart. */
import { describe, expect, test } from "bun:test";
import { TokenLane } from "../../src/agent/token_lane.ts";
import type { State } from "../../src/core/state.ts";
import { step } from "../../src/core/step.ts";
import { RETIRE_SETTLE_MS } from "../../src/core/cluster/token_rotation.ts";
import type { Rotation } from "../../src/core/cluster/token_facts.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";
import { fingerprintOf, newToken } from "../../src/shell/files/token.ts";
import { openTokenStore, type TokenStore } from "../../src/shell/files/token_store.ts";
import { recordNotices } from "../support/recorded_notices.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { idOf, modelNode, viewOf } from "../support/cluster_views.ts";
import { keptLog } from "../support/fake_memory.ts";

const OLD = newToken();
const NEW = newToken();
const ROTATION: Rotation = {
  serial: 1,
  target: fingerprintOf(NEW),
  from: fingerprintOf(OLD),
  graceS: 60,
};
const TURN_MS = 250;

class Machine {
  readonly index: number;
  readonly cluster: Cluster;
  readonly folder = tempFolder();
  configured = OLD;
  state!: State;
  store!: TokenStore;
  lane!: TokenLane;
  running = true;
  closed = 0;

  constructor(cluster: Cluster, index: number) {
    this.cluster = cluster;
    this.index = index;
    this.start();
  }

  start(): void {
    const model = this.cluster.indices.map((index) => modelNode(index));
    this.state = viewOf(model, this.index, { services: [] });
    this.store = openTokenStore(openStateFolder(this.folder), {
      configured: this.configured,
      writeConfigured: (token) => void (this.configured = token),
      notices: recordNotices(),
    });
    const others = () => this.cluster.machines.filter((one) => one !== this && one.running);
    this.lane = new TokenLane({
      state: this.state,
      tokens: this.store,
      now: () => this.cluster.now,
      ask: async (peer, fingerprint) =>
        others().find(({ index }) => idOf(index) === peer)?.store.tokenOf(fingerprint),
      connected: () => others().map(({ index }) => idOf(index)),
      closeExpired: () => void this.closed++,
      tell: (fact) => step(this.state, fact, this.cluster.now),
      log: keptLog(),
    });
    this.running = true;
  }
}

class Cluster {
  now = 0;
  readonly indices = [1, 2, 3];
  readonly machines: Machine[] = [];

  constructor() {
    for (const index of this.indices) this.machines.push(new Machine(this, index));
  }

  /** So many turns of everybody; each hears first what the others have on disk. */
  async run(turns: number, look: () => void = () => {}): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      this.now += TURN_MS;
      for (const machine of this.machines.filter(({ running }) => running)) {
        this.#hear(machine);
        await machine.lane.turn();
        look();
      }
    }
  }

  #hear({ state, index }: Machine): void {
    for (const other of this.machines.filter((one) => one.index !== index)) {
      const peer = state.peers.get(idOf(other.index))!;
      peer.life.state = other.running ? "alive" : "dead";
      if (other.running) peer.record = { ...peer.record, token: other.store.facts() };
    }
  }

  /** Whether everybody accepts what everybody who runs sends. */
  expectTogether(): void {
    const running = this.machines.filter((one) => one.running);
    for (const a of running) {
      const { sends } = a.store.facts();
      for (const b of running) expect(b.store.facts().accepts).toContain(sends);
    }
  }

  configured(): string[] {
    return this.machines.map((machine) => machine.configured);
  }
}

const ENOUGH_TURNS = 2 * RETIRE_SETTLE_MS / TURN_MS + 10;

describe("a rotation", () => {
  test("goes through every stage on every node, told by the state, and is in every file", async () => {
    const cluster = new Cluster();
    await cluster.machines[0]!.lane.begin(ROTATION, NEW);
    const stages = new Set<string | undefined>();
    await cluster.run(ENOUGH_TURNS, () => {
      cluster.expectTogether();
      for (const { state } of cluster.machines) stages.add(state.rotation?.stage);
    });
    expect([...stages]).toEqual(expect.arrayContaining(["spread", "retire"]));
    expect(cluster.configured()).toEqual([NEW, NEW, NEW]);
    for (const { store, state, closed } of cluster.machines) {
      expect(store.facts().accepts).toEqual([ROTATION.target]);
      expect(state.rotation).toBeNull();
      expect(closed).toBeGreaterThan(0);
    }
  });

  test("survives a restart of any node after any turn", async () => {
    for (let at = 1; at < 12; at++) {
      const cluster = new Cluster();
      await cluster.machines[0]!.lane.begin(ROTATION, NEW);
      await cluster.run(at, () => cluster.expectTogether());
      cluster.machines[at % 3]!.start();
      await cluster.run(ENOUGH_TURNS, () => cluster.expectTogether());
      expect(cluster.configured()).toEqual([NEW, NEW, NEW]);
    }
  });

  test("of which nobody has the token any more can be aborted", async () => {
    const cluster = new Cluster();
    const [first, second] = cluster.machines as [Machine, Machine];
    await first.lane.begin(ROTATION, NEW);
    // It has told of the rotation, and its disk is gone before anybody has the token.
    await second.lane.begin(ROTATION);
    first.running = false;
    await cluster.run(4);
    expect(second.state.rotation).toMatchObject({ stage: "spread" });
    await second.lane.begin({
      ...ROTATION,
      serial: 2,
      target: ROTATION.from,
      from: ROTATION.target,
    });
    await cluster.run(ENOUGH_TURNS + 60 * 4, () => cluster.expectTogether());
    expect(second.state.rotation).toBeNull();
    expect(second.store.facts().sends).toBe(ROTATION.from);
  });

  test("waits for a dead node for the grace time; then that node's token has expired", async () => {
    const cluster = new Cluster();
    const [first, , third] = cluster.machines as [Machine, Machine, Machine];
    third.running = false;
    await first.lane.begin(ROTATION, NEW);
    await cluster.run(59 * 1_000 / TURN_MS);
    expect(first.store.facts().sends).toBe(ROTATION.from);
    expect(first.state.rotation?.waitsFor).toEqual(["n3 (dead)"]);
    await cluster.run(ENOUGH_TURNS + 8);
    expect(first.store.facts().accepts).toEqual([ROTATION.target]);
    expect(third.store.facts().accepts).toEqual([ROTATION.from]);
    expect(first.store.replaced().map(({ fingerprint }) => fingerprint)).toEqual([ROTATION.from]);
  });
});
