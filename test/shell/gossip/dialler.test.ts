/** When to dial whom. Time is bun's fake clock. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { type Endpoint, formatEndpoint } from "../../../src/core/address.ts";
import type { NodeId } from "../../../src/core/document/document.ts";
import {
  type Dialler,
  PAUSE_MS_MAX,
  PAUSE_MS_MIN,
  pauseMs,
  SECOND_DIALLER_DELAY_MS,
  startDialler,
} from "../../../src/shell/gossip/dialler.ts";

const LOW = "0000000000000001";
const SELF = "0000000000000005";
const HIGH = "0000000000000009";
const at = (id: NodeId, ...addresses: string[]) => ({ id, addresses, port: 6940 });

/** A network in which some endpoints answer. */
interface Network {
  readonly dials: { readonly atMs: number; readonly to: string }[];
  /** Endpoint to the node there. */
  readonly answering: Map<string, NodeId>;
  readonly connected: Set<NodeId>;
  nowMs: number;
}

let network: Network;
let dialler: Dialler | undefined;

beforeEach(() => {
  jest.useFakeTimers();
  network = { dials: [], answering: new Map(), connected: new Set(), nowMs: 0 };
});
afterEach(() => {
  dialler?.close();
  jest.useRealTimers();
});

function start(seeds: readonly Endpoint[] = []): void {
  dialler = startDialler({
    id: SELF,
    seeds,
    connected: () => network.connected,
    now: () => network.nowMs,
    random: () => 0,
    isSelf: (error) => (error as Error).message === "self",
    dial: (endpoints) => {
      const names = endpoints.map(formatEndpoint);
      network.dials.push({ atMs: network.nowMs, to: names.join(" ") });
      const found = names.map((name) => network.answering.get(name)).find((id) => id !== undefined);
      if (found === SELF) return Promise.reject(new Error("self"));
      if (found === undefined) return Promise.reject(new Error("refused"));
      network.connected.add(found);
      return Promise.resolve();
    },
  });
}

/** Lets time pass in small steps, so that promises settle in between. */
async function pass(ms: number): Promise<void> {
  for (let step = 0; step < ms; step += 10) {
    network.nowMs += 10;
    jest.advanceTimersByTime(10);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

const times = () => network.dials.map((dial) => dial.atMs);

describe("wanted peers", () => {
  test("are dialled on all their addresses until they are connected, and then left alone", async () => {
    network.answering.set("10.0.0.9:6940", HIGH);
    start();
    dialler?.wantPeers([at(HIGH, "192.0.2.9", "10.0.0.9")]);
    await pass(20_000);
    expect(network.dials.map((dial) => dial.to)).toEqual(["192.0.2.9:6940 10.0.0.9:6940"]);
  });

  test("are dialled with growing pauses, up to the longest", async () => {
    start();
    dialler?.wantPeers([at(HIGH, "192.0.2.9")]);
    await pass(30_000);
    const pauses = times().slice(1).map((time, index) => time - (times()[index] ?? 0));
    expect(pauses.slice(0, 5)).toEqual([500, 1000, 2000, PAUSE_MS_MAX, PAUSE_MS_MAX]);
  });

  test("with a lower id get the first turn", async () => {
    start();
    dialler?.wantPeers([at(LOW, "192.0.2.1"), at(HIGH, "192.0.2.9")]);
    await pass(SECOND_DIALLER_DELAY_MS);
    expect(network.dials.filter((dial) => dial.to === "192.0.2.9:6940")[0]?.atMs).toBe(10);
    expect(network.dials.filter((dial) => dial.to === "192.0.2.1:6940")[0]?.atMs).toBe(500);
  });

  test("that dial first are not dialled back", async () => {
    start();
    dialler?.wantPeers([at(LOW, "192.0.2.1")]);
    await pass(100);
    network.connected.add(LOW);
    await pass(20_000);
    expect(network.dials).toEqual([]);
  });

  test("are dialled at once when their connection is lost, whatever the pause had grown to", async () => {
    start();
    dialler?.wantPeers([at(HIGH, "192.0.2.9")]);
    await pass(20_000);
    network.connected.add(HIGH);
    await pass(5_000);
    network.dials.length = 0;
    network.connected.delete(HIGH);
    const lostMs = network.nowMs;
    dialler?.lost(HIGH);
    await pass(5_000);
    expect((times()[0] ?? Infinity) - lostMs).toBeLessThanOrEqual(PAUSE_MS_MIN);
    expect(times().length).toBeGreaterThan(2);
  });

  test("are dialled at once when they begin to be heard, and only then", async () => {
    start();
    const peer = at(HIGH, "192.0.2.9");
    dialler?.wantPeers([peer]);
    await pass(20_000);
    network.dials.length = 0;
    const heardMs = network.nowMs;
    dialler?.wantPeers([{ ...peer, heard: true }]);
    await pass(300);
    expect((times()[0] ?? Infinity) - heardMs).toBeLessThanOrEqual(PAUSE_MS_MIN);
    await pass(20_000);
    network.dials.length = 0;
    dialler?.wantPeers([{ ...peer, heard: true }]);
    await pass(300);
    expect(times().length).toBeLessThan(2);
  });

  test("keep their pause and take new addresses when they are wanted again", async () => {
    start();
    dialler?.wantPeers([at(HIGH, "192.0.2.9")]);
    await pass(10);
    for (let round = 0; round < 30; round++) {
      dialler?.wantPeers([at(HIGH, "192.0.2.10")]);
      await pass(10);
    }
    expect(network.dials).toHaveLength(1);
    await pass(300);
    expect(network.dials[1]?.to).toBe("192.0.2.10:6940");
  });

  test("are forgotten when they are not wanted any more, and the node itself is never dialled", async () => {
    start();
    dialler?.wantPeers([at(HIGH, "192.0.2.9"), at(SELF, "192.0.2.5")]);
    await pass(10);
    dialler?.wantPeers([]);
    await pass(20_000);
    expect(network.dials.map((dial) => dial.to)).toEqual(["192.0.2.9:6940"]);
  });
});

describe("seeds", () => {
  const seed = { address: "192.0.2.1", port: 7000 };

  test("are dialled at once, and again while nobody is connected", async () => {
    start([seed]);
    await pass(3_000);
    expect(network.dials.length).toBeGreaterThan(2);
    network.answering.set("192.0.2.1:7000", LOW);
    await pass(5_000);
    const count = network.dials.length;
    await pass(20_000);
    expect(network.dials).toHaveLength(count);
  });

  test("are dialled again when the last peer is lost, even one that was never wanted", async () => {
    network.answering.set("192.0.2.1:7000", LOW);
    start([seed]);
    await pass(1_000);
    expect(network.dials).toHaveLength(1);
    network.connected.clear();
    dialler?.lost(LOW);
    await pass(1_000);
    expect(network.dials).toHaveLength(2);
  });

  test("that turn out to be this node are dialled once", async () => {
    network.answering.set("192.0.2.1:7000", SELF);
    start([seed]);
    await pass(20_000);
    expect(network.dials).toHaveLength(1);
  });
});

test("close ends all dialling", async () => {
  start([{ address: "192.0.2.1", port: 7000 }]);
  await pass(100);
  dialler?.close();
  const count = network.dials.length;
  await pass(20_000);
  expect(network.dials).toHaveLength(count);
});

test("pauseMs doubles up to its limit, and chance takes away up to half", () => {
  expect([0, 1, 2, 3, 4, 100].map((failures) => pauseMs(failures, 0))).toEqual(
    [250, 500, 1000, 2000, 4000, 4000],
  );
  expect(pauseMs(1, 0.5)).toBe(375);
});
