/** What is wrong between nodes, in words; cautions, forgotten nodes and copies. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Caution,
  cautionKinds,
  decodeCaution,
  encodeCaution,
} from "../../../src/core/cluster/caution.ts";
import { drainKey, drainSchema } from "../../../src/core/document/drain.ts";
import { asideReason, forgetEdits } from "../../../src/core/document/forgotten.ts";
import { ownUnfit } from "../../../src/core/cluster/member.ts";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { pulseFor } from "../../../src/core/cluster/pulse_schedule.ts";
import type { Peer, State } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import { CLOCK_SKEW_MS, currentWarnings, WARNING_MS } from "../../../src/core/cluster/warnings.ts";
import { takeCautions } from "../../../src/core/cluster/notes.ts";
import {
  addressOf,
  holding,
  idOf,
  modelNode,
  NOW,
  service,
  viewOf,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";

const model = [modelNode(1), modelNode(2, { holds: holding(3) })];
const SHARED = { services: [service()] };

function view(): State {
  return viewOf(model, 1, SHARED);
}

function peerIn(state: State): Peer {
  return state.peers.get(idOf(2))!;
}

function saying(state: State, fields: Partial<Peer["record"]>): State {
  const peer = peerIn(state);
  peer.record = { ...peer.record, ...fields };
  return state;
}

describe("currentWarnings", () => {
  test("is silent while all is well", () => {
    expect(currentWarnings(view(), NOW)).toEqual([]);
  });

  test("names two nodes of one name, and where they are", () => {
    const [line] = currentWarnings(saying(view(), { name: "n1" }), NOW);
    expect(line).toContain(`two nodes are named n1, at ${addressOf(1)} and ${addressOf(2)}`);
    expect(line).toContain("troop.yaml");
  });

  test("names an address that two nodes have", () => {
    const state = view();
    const [line] = currentWarnings(saying(state, { paths: [...state.self.paths] }), NOW);
    expect(line).toContain(`n1 and n2 have the same address ${addressOf(1)}`);
  });

  test("does not mind one address with two ports: nodes in one network namespace", () => {
    const state = view();
    expect(currentWarnings(saying(state, { paths: [...state.self.paths], port: 7000 }), NOW))
      .toEqual([]);
  });

  test("says how full the document is when there is little room left, and what to do", () => {
    const state = view();
    state.document = { ...state.document, crowded: { bytes: 13_000_000, max: 16 * 1_048_576 } };
    const [line] = currentWarnings(state, NOW);
    expect(line).toContain("takes 77 % of the 16 MiB it can have");
    expect(line).toContain("remove services and servers");
  });

  test("names versions that differ", () => {
    expect(currentWarnings(saying(view(), { version: "9.9" }), NOW)[0])
      .toContain("n1 0; n2 9.9");
  });

  for (
    const [skewMs, words] of [[3 * 3_600_000, "3 h ahead"], [-60_000, "1 min behind"]] as const
  ) {
    test(`names a clock that is ${words}, and decides nothing by it`, () => {
      const state = view();
      step(state, { kind: "tick", wallMs: 1_700_000_000_000 }, NOW);
      const { record } = peerIn(state);
      const before = decideOwnership(state, VIP, NOW);
      const wallMs = 1_700_000_000_000 + skewMs;
      step(state, { kind: "record", record: { ...record, sequence: 99, wallMs } }, NOW);
      expect(currentWarnings(state, NOW)[0]).toContain(`the clock of n2 is ${words}`);
      expect(decideOwnership(state, VIP, NOW)).toEqual(before);
      const even = 1_700_000_000_000 + CLOCK_SKEW_MS;
      step(state, { kind: "record", record: { ...record, sequence: 100, wallMs: even } }, NOW);
      expect(currentWarnings(state, NOW)).toEqual([]);
    });
  }

  test("forgets what is not seen again, and keeps a bounded number", () => {
    const state = view();
    for (let index = 0; index < 100; index++) {
      step(state, { kind: "warning", key: `${index}`, text: `${index}` }, NOW);
    }
    expect(currentWarnings(state, NOW)).toHaveLength(16);
    expect(currentWarnings(state, NOW + WARNING_MS + 1)).toEqual([]);
  });
});

test("a member that pulses in another's name is named by its address, while the other one lives", () => {
  const forged = {
    kind: "forged",
    named: idOf(2),
    source: { address: "10.0.0.9", port: 1 },
  } as const;
  const state = view();
  step(state, { ...forged, named: idOf(9) }, NOW);
  peerIn(state).life.state = "dead";
  step(state, forged, NOW);
  expect(currentWarnings(state, NOW)).toEqual([]);
  peerIn(state).life.state = "alive";
  step(state, forged, NOW);
  expect(currentWarnings(state, NOW)[0]).toContain(
    "10.0.0.9 has this cluster's token and pulses in the name of n2",
  );
});

const caution: Caution = {
  kind: "expired",
  to: idOf(1),
  echo: 0,
  boot: 0,
  address: addressOf(2),
  port: 6940,
};
const from = { address: addressOf(2), port: 6940 };

describe("a caution", () => {
  const any = fc.record<Caution>({
    kind: fc.constantFrom(...cautionKinds),
    to: fc.constant(idOf(3)),
    echo: fc.maxSafeNat(),
    boot: fc.maxSafeNat(),
    address: fc.constantFrom("192.0.2.7", "2001:db8::7"),
    port: fc.nat(65_535),
    speaker: fc.record({ newcomer: fc.boolean() }),
  }, { requiredKeys: ["kind", "to", "echo", "boot", "address", "port"] });

  test("is read as it was written, and nothing else is one", () => {
    fc.assert(fc.property(any, (one) => {
      expect(decodeCaution(encodeCaution(one))).toEqual(one);
      expect(decodeCaution(encodeCaution(one).subarray(1))).toBeUndefined();
    }));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 60 }), (bytes) => {
        expect(decodeCaution(bytes)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  test("that is a recording, or for an earlier run, changes nothing", () => {
    for (const kind of cautionKinds) {
      const state = view();
      step(state, { kind: "caution", caution: { ...caution, kind }, from }, NOW);
      expect(currentWarnings(state, NOW)).toEqual([]);
      expect(asideReason(state)).toBeNull();
    }
  });

  test("tells a node with an expired token what to do", () => {
    const state = view();
    step(state, { kind: "caution", caution: { ...caution, echo: state.self.boot }, from }, NOW);
    expect(currentWarnings(state, NOW)[0]).toContain("token has expired");
    expect(asideReason(state)).toBeNull();
  });

  test("takes the VIP from a node with an expired token, until nobody has told it so for a while", () => {
    const state = viewOf([modelNode(1, { holds: holding(1) })], 1, SHARED);
    const decided = (ms: number) => {
      step(state, { kind: "tick", wallMs: 0 }, ms);
      return [state.holds.get(VIP)?.phase ?? "free", ownUnfit(state, VIP)];
    };
    const expired = "this node's token has expired";
    expect(decided(NOW)).toEqual(["holding", null]);
    step(state, { kind: "caution", caution: { ...caution, echo: state.self.boot }, from }, NOW + 1);
    expect(decided(NOW + 2)).toEqual(["settling", expired]);
    expect(decided(NOW + 20_000)[1]).toBe(expired);
    expect(decided(NOW + WARNING_MS + 3)[1]).toBeNull();
  });
});

describe("a forgotten node", () => {
  const drain = drainSchema.parse({
    service: null,
    target: { node: idOf(2) },
    on: true,
    sinceMs: 0,
    untilMs: null,
  });

  test("leaves nothing behind but the mark that it is forgotten", () => {
    const vip = vipEntry({ address: VIP, prefer: [idOf(2), idOf(1)] });
    const state = viewOf(model, 1, { ...SHARED, vips: [vip], drains: [drain] });
    expect(forgetEdits(state.document, idOf(2), "n2")).toEqual([
      { kind: "removeDrain", key: drainKey(drain) },
      { kind: "putVip", vip: { ...vip, prefer: [idOf(1)] } },
      { kind: "putNode", id: idOf(2), entry: { name: "n2", left: true, forgotten: true } },
    ]);
  });

  function forgotten(id: string): State {
    const state = view();
    const nodes = new Map([[id, { name: "n2", left: true, forgotten: true }]]);
    step(state, { kind: "document", document: { ...state.document, nodes } }, NOW);
    return state;
  }

  test("is not a peer any more; its records and claims are not believed; it is told", () => {
    const { record } = peerIn(view());
    const state = forgotten(idOf(2));
    const epoch = state.epochs.get(VIP);
    step(
      state,
      { kind: "record", record: { ...record, sequence: 99, claims: { [VIP]: 77 } } },
      NOW,
    );
    const two = viewOf(model, 2, SHARED);
    const pulse = pulseFor(two, two.peers.get(idOf(1))!, { now: NOW, sequence: 9, ask: false });
    for (let turn = 0; turn < 5; turn++) {
      step(state, { kind: "pulse", pulse, path: "eth0", source: from }, NOW + turn);
    }
    expect(state.peers.size).toBe(0);
    expect(state.epochs.get(VIP)).toBe(epoch!);
    const due = takeCautions(state, NOW + 5);
    expect(due.map(({ caution, to }) => [caution.kind, caution.echo, to])).toEqual([
      ["forgotten", two.self.boot, from],
    ]);
    expect(takeCautions(state, NOW + 6)).toEqual([]);
    expect(currentWarnings(state, NOW + 6)[0]).toContain("n2 at 10.0.0.2 was forgotten and runs");

    step(two, { kind: "caution", caution: due[0]!.caution, from: due[0]!.to }, NOW);
    expect(decideOwnership(two, VIP, NOW)).toMatchObject({ act: "release" });
    expect(currentWarnings(two, NOW)[0]).toContain("troop leave");
  });

  test("that hears of it by the document holds nothing", () => {
    const state = forgotten(idOf(1));
    expect(asideReason(state)).toBe("the cluster has forgotten this node");
    expect(decideOwnership(state, VIP, NOW).act).toBe("wait");
  });
});
