/** Replicas that merge edits in any order. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as Y from "yjs";
import type { Edit } from "../../src/core/document.ts";
import { NODES_MAX, SERVICES_MAX, VIPS_MAX } from "../../src/core/limits.ts";
import { schedulers, serviceKey } from "../../src/core/service.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  countEntries,
  createReplica,
  editCopy,
  encodeReplica,
  missingFor,
  NODE_ENTRIES_MAX,
  readReplica,
  replicaDigest,
  stateVector,
} from "../../src/shell/document_replica.ts";
import { putPort, sampleService } from "./sample_service.ts";

const vip = fc.constantFrom("192.0.2.240", "192.0.2.241", "2001:db8::240");
const id = fc.constantFrom("00000000000000aa", "00000000000000bb");
const service = fc.record({
  address: vip,
  port: fc.integer({ min: 80, max: 83 }),
  scheduler: fc.constantFrom(...schedulers),
}).map(sampleService);

const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  service.map((service) => ({ kind: "putService" as const, service })),
  service.map((service) => ({ kind: "removeService" as const, key: serviceKey(service) })),
  fc.record({ vip, to: id, fromEpoch: fc.nat(9) }, { noNullPrototype: true })
    .map((move) => ({ kind: "putMove" as const, move })),
  fc.record({ id, left: fc.boolean() })
    .map(({ id, left }) => ({ kind: "putNode" as const, id, entry: { name: "n1", left } })),
);

/** Edits a replica in place; returns the update. */
function edit(replica: Y.Doc, edits: readonly Edit[]): Uint8Array {
  const { update } = editCopy(replica, edits);
  applyOwnUpdate(replica, update);
  return update;
}

/** What a replica says, in a form that shows every difference. */
function plain(replica: Y.Doc): unknown {
  const { document } = readReplica(replica);
  return [[...document.services], [...document.moves], [...document.nodes]];
}

describe("replicas", () => {
  test("edited at random, with updates late, twice and in any order, become equal in content and digest", () => {
    const step = fc.record({
      at: fc.nat(2),
      edits: fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
      // Which of the updates so far arrive where, after this step; most arrive much later.
      deliveries: fc.array(fc.tuple(fc.nat(2), fc.nat(30)), { maxLength: 4 }),
    });
    const property = fc.property(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.nat(1_000)),
      (steps, order) => {
        const replicas = [createReplica(), createReplica(), createReplica()] as const;
        const updates: Uint8Array[] = [];
        for (const { at, edits, deliveries } of steps) {
          updates.push(edit(replicas[at] ?? replicas[0], edits));
          for (const [to, which] of deliveries) {
            const update = updates[which % updates.length];
            if (update !== undefined) applyPeerUpdate(replicas[to] ?? replicas[0], update);
          }
        }
        for (const replica of replicas) {
          const shuffled = updates.map((update) => ({ update, rank: order.next().value }))
            .sort((a, b) => a.rank - b.rank);
          for (const { update } of [...shuffled, ...shuffled.slice(0, 3)]) {
            applyPeerUpdate(replica, update);
          }
        }
        const [first, ...rest] = replicas;
        for (const replica of rest) {
          expect(plain(replica)).toEqual(plain(first));
          expect(replicaDigest(replica)).toBe(replicaDigest(first));
        }
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  test("differ in digest as long as one lacks an edit, even one that only removes", () => {
    fc.assert(
      fc.property(fc.array(anyEdit, { minLength: 1, maxLength: 8 }), anyEdit, (edits, last) => {
        const a = createReplica();
        const b = createReplica();
        for (const one of edits) applyPeerUpdate(b, edit(a, [one]));
        expect(replicaDigest(b)).toBe(replicaDigest(a));
        const before = plain(a);
        const update = edit(a, [last]);
        const changed = JSON.stringify(plain(a)) !== JSON.stringify(before);
        if (changed) expect(replicaDigest(b)).not.toBe(replicaDigest(a));
        applyPeerUpdate(b, update);
        expect(replicaDigest(b)).toBe(replicaDigest(a));
      }),
    );
  });

  test("become equal by exchanging what each lacks", () => {
    fc.assert(fc.property(fc.array(anyEdit), fc.array(anyEdit), (mine, yours) => {
      const a = createReplica();
      const b = createReplica();
      edit(a, mine);
      edit(b, yours);
      applyPeerUpdate(a, missingFor(b, stateVector(a)));
      applyPeerUpdate(b, missingFor(a, stateVector(b)));
      expect(plain(a)).toEqual(plain(b));
      expect(replicaDigest(a)).toBe(replicaDigest(b));
    }));
  });

  test("come back from bytes with content and digest", () => {
    fc.assert(fc.property(fc.array(anyEdit), (edits) => {
      const replica = createReplica();
      edit(replica, edits);
      const again = createReplica(encodeReplica(replica));
      expect(plain(again)).toEqual(plain(replica));
      expect(replicaDigest(again)).toBe(replicaDigest(replica));
    }));
  });

  test("keep their name through own edits, so a thousand edits are one writer", () => {
    const replica = createReplica();
    const name = replica.clientID;
    for (let round = 0; round < 50; round++) edit(replica, [putPort(80, round % 2 ? "rr" : "wlc")]);
    expect(replica.clientID).toBe(name);
    expect(Y.decodeStateVector(stateVector(replica)).size).toBe(1);
  });

  test("an edit of the copy leaves the original as it was", () => {
    const replica = createReplica();
    edit(replica, [putPort(80)]);
    const before = replicaDigest(replica);
    const { copy } = editCopy(replica, [putPort(81)]);
    expect(replicaDigest(replica)).toBe(before);
    expect(readReplica(copy).document.services.size).toBe(2);
  });
});

describe("applyPeerUpdate", () => {
  test("throws on bytes that are no update, or takes them; a replica made anew works", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let replica = createReplica();
        try {
          applyPeerUpdate(replica, bytes);
        } catch {
          replica = createReplica();
        }
        edit(replica, [putPort(80)]);
        expect(readReplica(replica).document.services.size).toBe(1);
      }),
      { numRuns: 1_000 },
    );
  });

  test("tells whether something has changed", () => {
    const a = createReplica();
    const update = edit(a, [putPort(80)]);
    const b = createReplica();
    expect(applyPeerUpdate(b, update)).toBe(true);
    expect(applyPeerUpdate(b, update)).toBe(false);
  });
});

describe("readReplica", () => {
  /** A replica with raw entries, as a peer without manners could make them. */
  function raw(part: string, entries: Record<string, unknown>): Y.Doc {
    const rude = new Y.Doc();
    for (const [key, value] of Object.entries(entries)) rude.getMap(part).set(key, value);
    const replica = createReplica();
    edit(replica, [putPort(80)]);
    applyPeerUpdate(replica, Y.encodeStateAsUpdate(rude));
    return replica;
  }

  const bad: { name: string; part: string; key: string; value: unknown }[] = [
    { name: "text", part: "services", key: "tcp/192.0.2.240:81", value: "x" },
    { name: "null", part: "services", key: "tcp/192.0.2.240:81", value: null },
    { name: "a service without fields", part: "services", key: "tcp/192.0.2.240:81", value: {} },
    {
      name: "a service with a field too many",
      part: "services",
      key: "tcp/192.0.2.240:81",
      value: { ...sampleService({ port: 81 }), extra: 1 },
    },
    {
      name: "a service under another's key",
      part: "services",
      key: "tcp/192.0.2.240:81",
      value: sampleService({ port: 82 }),
    },
    { name: "a nested map", part: "services", key: "tcp/192.0.2.240:81", value: new Y.Map() },
    { name: "a nested text", part: "nodes", key: "00000000000000aa", value: new Y.Text("x") },
    { name: "a node under no id", part: "nodes", key: "x", value: { name: "n1", left: false } },
    {
      name: "a move under another VIP",
      part: "moves",
      key: "192.0.2.1",
      value: { vip: "192.0.2.240", to: "00000000000000aa", fromEpoch: 1 },
    },
    { name: "a prototype", part: "services", key: "__proto__", value: { polluted: true } },
  ];
  for (const { name, part, key, value } of bad) {
    test(`leaves out ${name} and keeps the rest`, () => {
      const { document, skipped } = readReplica(raw(part, Object.fromEntries([[key, value]])));
      expect([...document.services.keys()]).toEqual(["tcp/192.0.2.240:80"]);
      expect(document.moves.size + document.nodes.size).toBe(0);
      expect(skipped).toMatchObject([{ part, key }]);
      expect("polluted" in {}).toBe(false);
    });
  }

  test("a part of another kind stays a map", () => {
    const rude = new Y.Doc();
    rude.getArray("services").insert(0, [1, 2, 3]);
    rude.getText("moves").insert(0, "text");
    const replica = createReplica();
    applyPeerUpdate(replica, Y.encodeStateAsUpdate(rude));
    edit(replica, [putPort(80)]);
    expect(readReplica(replica).document.services.size).toBe(1);
  });

  test("leaves out what is over the limits, the same on every replica", () => {
    const many = createReplica();
    const put = (address: string, port: number): Edit => ({
      kind: "putService",
      service: sampleService({ address, port }),
    });
    edit(many, Array.from({ length: SERVICES_MAX + 5 }, (_, port) => put("192.0.2.240", port + 1)));
    expect(readReplica(many).document.services.size).toBe(SERVICES_MAX);
    expect(readReplica(many).skipped).toHaveLength(5);

    const wide = createReplica();
    edit(
      wide,
      Array.from({ length: VIPS_MAX + 5 }, (_, n) => put(`10.0.${n >> 8}.${n & 255}`, 80)),
    );
    expect(readReplica(wide).document.services.size).toBe(VIPS_MAX);
    const other = createReplica(encodeReplica(wide));
    expect(plain(other)).toEqual(plain(wide));
  });

  test("moves of VIPs nobody has any more make room for new ones", () => {
    const replica = createReplica();
    const move = (vip: string): Edit => ({
      kind: "putMove",
      move: { vip, to: "00000000000000aa", fromEpoch: 1 },
    });
    edit(replica, [putPort(80), move("192.0.2.240")]);
    for (let n = 0; n < VIPS_MAX + 5; n++) edit(replica, [move(`10.0.${n >> 8}.${n & 255}`)]);
    const { moves } = readReplica(replica).document;
    expect(moves.has("192.0.2.240")).toBe(true);
    expect(moves.has(`10.0.${(VIPS_MAX + 4) >> 8}.${(VIPS_MAX + 4) & 255}`)).toBe(true);
    expect(moves.size).toBeLessThan(VIPS_MAX);
  });

  test("countEntries counts what is limited", () => {
    const replica = createReplica();
    const service = (address: string, port: number): Edit => ({
      kind: "putService",
      service: sampleService({ address, port }),
    });
    edit(replica, [
      service("192.0.2.240", 80),
      service("192.0.2.240", 81),
      service("2001:db8::240", 80),
      { kind: "putNode", id: "00000000000000aa", entry: { name: "n1", left: false } },
    ]);
    expect(Object.fromEntries(countEntries(replica).map(({ what, count }) => [what, count])))
      .toEqual({ services: 3, VIPs: 2, moves: 0, "node entries": 1 });
    expect(NODE_ENTRIES_MAX).toBeGreaterThan(NODES_MAX);
  });
});
