/** Replicas that merge edits in any order. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import * as Y from "yjs";
import type { Edit } from "../../../src/core/document/document.ts";
import { prepareEdit } from "../../../src/shell/document/document_edit.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  BadUpdate,
  createReplica,
  type Replica,
  stateVector,
} from "../../../src/shell/document/document_replica.ts";
import {
  completes,
  encodeInSlices,
  missingChunk,
} from "../../../src/shell/document/document_slices.ts";
import { joinBytes } from "../../../src/shell/document/document_update.ts";
import type { Part } from "../../../src/shell/document/document_entry.ts";
import { anyEdits, plain } from "./arbitrary_edits.ts";
import { putPort, putServer } from "../../support/sample_service.ts";

// Properties take their time on a machine that does other things too.
setDefaultTimeout(30_000);

const KEY = "tcp/192.0.2.240:80";

/** Edits a replica in place; returns the update. */
function edit(replica: Replica, edits: readonly Edit[]): Uint8Array {
  const { whole, pieces } = prepareEdit(replica, edits);
  for (const piece of pieces) applyOwnUpdate(replica, piece);
  return whole ?? Uint8Array.of(0, 0);
}

/** The snapshot Yjs makes: state vector and delete set, both in full. */
const snapshot = ({ doc }: Replica) =>
  Buffer.from(Y.encodeSnapshot(Y.snapshot(doc))).toString("hex");

/** All that another replica lacks, by rounds; returns how many there were. */
function bringAll(from: Replica, to: Replica): number {
  for (let round = 1; round < 1_000; round++) {
    const own = stateVector(to);
    const { update, complete } = missingChunk(from.doc, own);
    expect(completes({ own, received: update, theirs: stateVector(from) })).toBe(complete);
    applyPeerUpdate(to, update);
    // Every piece can be merged without the next.
    expect(to.doc.store.pendingStructs).toBeNull();
    expect(to.doc.store.pendingDs).toBeNull();
    if (complete) return round;
  }
  throw new Error("never complete");
}

describe("replicas", () => {
  const step = fc.record({
    at: fc.nat(2),
    edits: anyEdits,
    // Which of the updates so far arrive where, after this step; most arrive much later.
    deliveries: fc.array(fc.tuple(fc.nat(2), fc.nat(30)), { maxLength: 4 }),
  });

  /** Three replicas after these steps, and the updates that were made. */
  function play(steps: readonly { at: number; edits: Edit[]; deliveries: [number, number][] }[]) {
    const replicas = [createReplica(), createReplica(), createReplica()] as const;
    const updates: Uint8Array[] = [];
    for (const { at, edits, deliveries } of steps) {
      updates.push(edit(replicas[at] ?? replicas[0], edits));
      for (const [to, which] of deliveries) {
        const update = updates[which % updates.length];
        if (update !== undefined) applyPeerUpdate(replicas[to] ?? replicas[0], update);
      }
    }
    return { replicas, updates };
  }

  test("edited at random, with updates late, twice and in any order, become equal in content and digest", () => {
    const property = fc.property(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.nat(1_000)),
      (steps, order) => {
        const { replicas, updates } = play(steps);
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
          expect(replica.digest.value()).toBe(first.digest.value());
        }
      },
    );
    fc.assert(property, { numRuns: 100 });
  });

  test("have equal digests exactly when Yjs finds their snapshots equal, at every moment", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const seen = new Map<string, string>();
        for (let end = 1; end <= steps.length; end++) {
          for (const replica of play(steps.slice(0, end)).replicas) {
            seen.set(snapshot(replica), replica.digest.value());
          }
        }
        expect(new Set(seen.values()).size).toBe(seen.size);
      }),
      { numRuns: 60 },
    );
  });

  test("followed change by change have the content and digest of one that is read anew", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 10 }), (steps) => {
        for (const replica of play(steps).replicas) {
          // Read in between, so that parts are made of earlier ones.
          replica.content.read();
          const anew = createReplica([Y.encodeStateAsUpdate(replica.doc)]);
          expect(plain(anew)).toEqual(plain(replica));
          if (replica.doc.store.pendingStructs !== null) continue;
          expect(anew.digest.value()).toBe(replica.digest.value());
        }
      }),
      { numRuns: 100 },
    );
  });

  test("differ in digest as long as one lacks an edit, even one that only removes", () => {
    fc.assert(
      fc.property(fc.array(anyEdits, { minLength: 1, maxLength: 8 }), anyEdits, (edits, last) => {
        const a = createReplica();
        const b = createReplica();
        for (const one of edits) applyPeerUpdate(b, edit(a, one));
        expect(b.digest.value()).toBe(a.digest.value());
        const before = plain(a);
        const update = edit(a, last);
        const changed = JSON.stringify(plain(a)) !== JSON.stringify(before);
        if (changed) expect(b.digest.value()).not.toBe(a.digest.value());
        applyPeerUpdate(b, update);
        expect(b.digest.value()).toBe(a.digest.value());
      }),
    );
  });

  test("become equal by exchanging what each lacks, in pieces that stand by themselves", () => {
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const [a, b] = play(steps).replicas;
      // What waits for an update that got lost is not told to others; here nothing does.
      fc.pre(a.doc.store.pendingStructs === null && b.doc.store.pendingStructs === null);
      fc.pre(a.doc.store.pendingDs === null && b.doc.store.pendingDs === null);
      bringAll(b, a);
      bringAll(a, b);
      expect(plain(a)).toEqual(plain(b));
      expect(a.digest.value()).toBe(b.digest.value());
    }));
  });

  test("come back from their bytes with content and digest", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1 }), async (steps) => {
        for (const replica of play(steps).replicas) {
          const again = createReplica([joinBytes(await encodeInSlices(replica.doc))]);
          expect(plain(again)).toEqual(plain(replica));
          expect(again.digest.value()).toBe(replica.digest.value());
        }
      }),
      { numRuns: 50 },
    );
  });

  test("keep their name through own edits, so a thousand edits are one writer", () => {
    const replica = createReplica();
    const name = replica.doc.clientID;
    for (let round = 0; round < 50; round++) edit(replica, [putPort(80, round % 2 ? "rr" : "wlc")]);
    expect(replica.doc.clientID).toBe(name);
    expect(Y.decodeStateVector(stateVector(replica)).size).toBe(1);
  });

  test("are as before when an edit is only prepared", () => {
    const replica = createReplica();
    edit(replica, [putPort(80)]);
    const before = [replica.digest.value(), snapshot(replica)];
    prepareEdit(replica, [putPort(81), { kind: "removeService", key: "tcp/192.0.2.240:80" }]);
    expect([replica.digest.value(), snapshot(replica)]).toEqual(before);
  });

  test("write what Yjs itself would write for the same edits", () => {
    const [a, b] = [createReplica(), createReplica()];
    b.doc.clientID = a.doc.clientID;
    for (const weight of [1, 2, 3]) {
      const put = putServer(80, 21, weight);
      edit(a, weight === 1 ? [putPort(80), put] : [put]);
      b.doc.transact(() => {
        if (weight === 1) replace(b, "services", KEY, (putPort(80) as { service: object }).service);
        replace(b, "servers", `${KEY}|192.0.2.21:8080`, (put as { server: object }).server);
      });
    }
    expect(Buffer.from(Y.encodeStateAsUpdate(a.doc))).toEqual(
      Buffer.from(Y.encodeStateAsUpdate(b.doc)),
    );
  });
});

/** What an edit does, in the words of Yjs. */
function replace({ doc, content }: Replica, part: Part, key: string, value: object): void {
  const [map, client] = [doc.getMap(part), doc.clientID];
  const last = [...map.keys()].filter((written) => written.startsWith(`${key}\n`));
  const id = Y.createID(client, Y.getState(doc.store, client));
  map.set(content.written(part).nextKey(key, id), value);
  for (const written of last) map.delete(written);
}

describe("a large replica", () => {
  /** Edited by two, so that what one did builds on what the other did. */
  function large(): Replica {
    const [a, b] = [createReplica(), createReplica()];
    for (let round = 0; round < 6; round++) {
      const [mine, other] = round % 2 ? [a, b] : [b, a];
      const ports = Array.from({ length: 150 }, (_, index) => index + 1);
      const edits = ports.flatMap((port) => [putPort(port), putServer(port, 21, round + 1)]);
      applyPeerUpdate(other, edit(mine, edits));
      applyPeerUpdate(
        other,
        edit(mine, [{ kind: "removeService", key: `tcp/192.0.2.240:${round + 1}` }]),
      );
    }
    return a;
  }

  test("goes to a peer in several pieces, and removals with the last", () => {
    const from = large();
    const to = createReplica();
    expect(bringAll(from, to)).toBeGreaterThan(3);
    expect(to.digest.value()).toBe(from.digest.value());
    expect(plain(to)).toEqual(plain(from));
  });

  test("is written in slices between which the event loop runs, and edits meanwhile do no harm", async () => {
    const replica = large();
    const before = plain(replica);
    const encoding = encodeInSlices(replica.doc);
    const kept: Uint8Array[] = [];
    let turns = 0;
    let done = false;
    void encoding.finally(() => done = true);
    for (; !done && turns < 1_000; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turns < 3) {
        kept.push(
          edit(replica, [putServer(10 + turns, 22), {
            kind: "removeService",
            key: `tcp/192.0.2.240:${20 + turns}`,
          }]),
        );
      }
    }
    expect(turns).toBeGreaterThan(2);
    const written = joinBytes(await encoding);
    // What came meanwhile is in the journal; together they are all there is.
    const again = createReplica([written, ...kept]);
    expect(plain(again)).toEqual(plain(replica));
    expect(again.digest.value()).toBe(replica.digest.value());
    expect(plain(replica)).not.toEqual(before);
  });
});

describe("createReplica", () => {
  test("of thousands of updates whose beginning is lost waits for it without going on for ever", () => {
    const whole = createReplica();
    const first = edit(whole, [putPort(80)]);
    const rest = Array.from({ length: 3_000 }, (_, n) => edit(whole, [putServer(80, n % 200, n)]));
    const replica = createReplica(rest);
    expect(plain(replica)).toEqual(plain(createReplica()));
    applyPeerUpdate(replica, first);
    expect(plain(replica)).toEqual(plain(whole));
    expect(replica.digest.value()).toBe(whole.digest.value());
  });
});

describe("applyPeerUpdate", () => {
  test("throws on bytes that are no update, or takes them; a replica that may be damaged is made anew", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let replica = createReplica();
        try {
          applyPeerUpdate(replica, bytes);
        } catch (error) {
          if ((error as BadUpdate).damaging) replica = createReplica();
        }
        edit(replica, [putPort(80)]);
        expect(replica.content.read().document.services.size).toBe(1);
      }),
      { numRuns: 1_000 },
    );
  });

  test("tells what has changed, as updates", () => {
    const a = createReplica();
    const update = edit(a, [putPort(80)]);
    const [b, c] = [createReplica(), createReplica()];
    for (const change of applyPeerUpdate(b, update)) applyPeerUpdate(c, change);
    expect(plain(c)).toEqual(plain(a));
    expect(applyPeerUpdate(b, update)).toEqual([]);
  });
});
