/** Room for nodes nobody knew, and for epochs of VIPs nobody has. */
import { describe, expect, test } from "bun:test";
import { EPOCH_MAX, NODES_MAX, VIPS_MAX } from "../../../src/core/limits.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { LEASE_S, WITNESS_ANSWER_MS } from "../../../src/core/timing.ts";
import { step } from "../../../src/core/step.ts";
import { sampleRecord } from "../../support/sample_record.ts";
import { idOf, modelNode, NOW, service, viewOf, VIP } from "../../support/cluster_views.ts";

const start = () => viewOf([modelNode(1), modelNode(2)], 1, { services: [service()] });
const strange = (index: number) =>
  sampleRecord({ id: (0xfeed_0000 + index).toString(16).padStart(16, "0"), name: `x${index}` });

describe("records of nodes nobody knew", () => {
  test("are taken until the cluster is full; then it is said, and members stay", () => {
    const state = start();
    for (let index = 0; index < 2 * NODES_MAX; index++) {
      step(state, { kind: "record", record: strange(index) }, NOW);
    }
    expect(state.peers.size).toBe(NODES_MAX - 1);
    expect(state.peers.has(idOf(2))).toBe(true);
    expect(state.warnings.get("nodes")?.text).toContain("more than 256 nodes");
  });

  test("give their place to others when they were never heard", () => {
    const state = start();
    for (let index = 0; index < NODES_MAX; index++) {
      step(state, { kind: "record", record: strange(index) }, NOW);
    }
    const late = strange(9_999);
    step(state, { kind: "record", record: late }, NOW + 61_000);
    expect(state.peers.has(late.id)).toBe(true);
    expect(state.peers.has(strange(0).id)).toBe(false);
    expect(state.peers.size).toBe(NODES_MAX - 1);
    expect(state.peers.has(idOf(2))).toBe(true);
  });
});

describe("epochs", () => {
  test("of VIPs that nobody has are remembered up to a limit, of the document's always", () => {
    const state = start();
    const { record } = state.peers.get(idOf(2))!;
    for (let sequence = 1; sequence <= 40; sequence++) {
      const claims = Object.fromEntries(
        Array.from({ length: VIPS_MAX }, (_, n) => [`10.${sequence}.0.${n}`, 7]),
      );
      const told = { ...record, sequence: record.sequence + sequence, claims };
      step(state, { kind: "record", record: told }, NOW);
    }
    expect(state.epochs.size).toBe(4 * VIPS_MAX);
    const claims = { [VIP]: 9 };
    const told = { ...record, sequence: record.sequence + 99, claims };
    step(state, { kind: "record", record: told }, NOW);
    expect(state.epochs.get(VIP)).toBe(9);
  });

  /** A view of a cluster in which node 1 hands the VIP over to node 2, and both claim it with the last epoch there is. */
  function atTheEnd(index: number) {
    const model = [modelNode(1), modelNode(2), modelNode(3)];
    const state = viewOf(model, index, { services: [service()] });
    state.epochs.set(VIP, EPOCH_MAX);
    for (const [node, yielding] of [[1, true], [2, false]] as const) {
      const claim = { epoch: EPOCH_MAX, yielding };
      const peer = state.peers.get(idOf(node));
      if (peer !== undefined) peer.life.claims = new Map([[VIP, claim]]);
      if (node !== index) continue;
      state.holds.set(VIP, {
        epoch: EPOCH_MAX,
        phase: "holding",
        sinceMs: NOW,
        renewedMs: NOW - LEASE_S,
        announceFrom: [NOW],
        announcedMs: NOW,
        rival: false,
        funnelMs: yielding ? NOW - 5_000 : null,
        successor: yielding ? idOf(2) : null,
        lost: false,
      } as never);
    }
    return state;
  }

  test("at their end still let a VIP change hands: who hands it over loses, whatever its id", () => {
    expect(decideOwnership(atTheEnd(1), VIP, NOW)).toMatchObject({ act: "release" });
    expect(decideOwnership(atTheEnd(2), VIP, NOW)).toMatchObject({ act: "hold" });
    expect(decideOwnership(atTheEnd(3), VIP, NOW)).toEqual({
      act: "wait",
      reason: `n2 holds it with epoch ${EPOCH_MAX}`,
    });
  });

  test("at their end are claimed once more when nobody holds the VIP", () => {
    const state = start();
    state.epochs.set(VIP, EPOCH_MAX);
    const free = viewOf([modelNode(1)], 1, { services: [service()] });
    free.epochs.set(VIP, EPOCH_MAX);
    for (let asked = 0; asked < 4; asked++) {
      free.witnesses.set(VIP, {
        lastAskedMs: NOW - WITNESS_ANSWER_MS,
        asks: 4,
        mac: null,
      });
    }
    expect(decideOwnership(free, VIP, NOW)).toMatchObject({ act: "claim", epoch: EPOCH_MAX });
  });
});
