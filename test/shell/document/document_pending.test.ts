/** Updates whose base does not come: kept for a while, and not for ever. */
import { expect, test } from "bun:test";
import * as Y from "yjs";
import {
  applyPeerUpdate,
  createReplica,
  PENDING_MS_MAX,
  type Replica,
} from "../../../src/shell/document/document_replica.ts";
import { encodeInSlices } from "../../../src/shell/document/document_slices.ts";
import { realTimers, type Timers } from "../../../src/shell/process/timers.ts";

/** A clock that is wound by hand. */
function clockwork(): { readonly timers: Timers; wind(ms: number): void; waiting(): number } {
  let now = 0;
  const due = new Map<object, { readonly atMs: number; readonly work: () => void }>();
  return {
    timers: {
      ...realTimers,
      after(delayMs, work) {
        const key = {};
        due.set(key, { atMs: now + delayMs, work });
        return () => void due.delete(key);
      },
    },
    wind(ms) {
      now += ms;
      for (const [key, { atMs, work }] of due) {
        if (atMs > now) continue;
        due.delete(key);
        work();
      }
    },
    waiting: () => due.size,
  };
}

/** Two edits of one writer: the second removes what the first has put. */
function edits(): { readonly first: Uint8Array; readonly second: Uint8Array } {
  const doc = new Y.Doc();
  const map = doc.getMap("settings");
  map.set("a", { value: "1" });
  const first = Y.encodeStateAsUpdate(doc);
  const vector = Y.encodeStateVector(doc);
  map.delete("a");
  map.set("b", { value: "2" });
  return { first, second: Y.encodeStateAsUpdate(doc, vector) };
}

const waits = ({ doc: { store } }: Replica) =>
  store.pendingStructs !== null || store.pendingDs !== null;
const values = ({ doc }: Replica) => doc.getMap("settings").toJSON();

test("an update that overtook its base counts when that comes, and nothing is left to forget", () => {
  const { timers, wind, waiting } = clockwork();
  const replica = createReplica([], timers);
  const { first, second } = edits();
  applyPeerUpdate(replica, second);
  expect([waits(replica), waiting()]).toEqual([true, 1]);
  wind(PENDING_MS_MAX - 1);
  applyPeerUpdate(replica, first);
  expect([waits(replica), waiting()]).toEqual([false, 0]);
  expect(values(replica)).toEqual({ b: { value: "2" } });
});

test("one whose base never comes is forgotten in time, whatever comes meanwhile, and can come again", async () => {
  const { timers, wind, waiting } = clockwork();
  const replica = createReplica([], timers);
  const { first, second } = edits();
  for (let turn = 0; turn < 10; turn++) {
    applyPeerUpdate(replica, second);
    applyPeerUpdate(replica, edits().second);
    expect(waiting()).toBe(1);
    wind(PENDING_MS_MAX / 10);
  }
  expect([waits(replica), waiting()]).toEqual([false, 0]);
  // Nothing of it is written any more.
  expect(Buffer.concat(await encodeInSlices(replica.doc)).length).toBeLessThan(8);
  for (const update of [first, second]) applyPeerUpdate(replica, update);
  expect(values(replica)).toEqual({ b: { value: "2" } });
});

test("what waited when the document was written is forgotten after the next start, too", () => {
  const before = createReplica();
  applyPeerUpdate(before, edits().second);
  const { timers, wind } = clockwork();
  const after = createReplica([Y.encodeStateAsUpdate(before.doc)], timers);
  expect(waits(after)).toBe(true);
  wind(PENDING_MS_MAX);
  expect(waits(after)).toBe(false);
  before.cancelForgetting?.();
});

test("more than a mebibyte is forgotten at once", () => {
  const replica = createReplica([], clockwork().timers);
  const doc = new Y.Doc();
  doc.getMap("settings").set("a", { value: "1" });
  const vector = Y.encodeStateVector(doc);
  doc.getMap("settings").set("b", { value: "x".repeat(1_100_000) });
  applyPeerUpdate(replica, Y.encodeStateAsUpdate(doc, vector));
  expect(waits(replica)).toBe(false);
});
