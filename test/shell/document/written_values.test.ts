/** Values written once: what edits that did not know of each other come to, also those of an earlier version. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import * as Y from "yjs";
import type { Edit } from "../../../src/core/document/document.ts";
import { prepareEdit } from "../../../src/shell/document/document_edit.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  createReplica,
  type Replica,
} from "../../../src/shell/document/document_replica.ts";
import { putPort, sampleService } from "../../support/sample_service.ts";
import { plain } from "./arbitrary_edits.ts";

// Properties take their time on a machine that does other things too.
setDefaultTimeout(30_000);

const KEY = "tcp/192.0.2.240:80";
const SCHEDULERS = ["rr", "wrr", "lc", "wlc", "sh", "dh"] as const;

function edit(replica: Replica, ...edits: Edit[]): void {
  for (const piece of prepareEdit(replica, edits).pieces) applyOwnUpdate(replica, piece);
}

/** What an earlier version does, which overwrites keys. */
function editAsBefore({ doc }: Replica, scheduler: string | undefined): void {
  const map = doc.getMap("services");
  if (scheduler === undefined) map.delete(KEY);
  else map.set(KEY, { ...sampleService({ port: 80 }), scheduler });
}

function synchronize(a: Replica, b: Replica): void {
  applyPeerUpdate(a, Y.encodeStateAsUpdate(b.doc));
  applyPeerUpdate(b, Y.encodeStateAsUpdate(a.doc));
  expect(a.digest.value()).toBe(b.digest.value());
  expect(plain(a)).toEqual(plain(b));
}

const scheduler = (replica: Replica) =>
  replica.content.read().document.services.get(KEY)?.scheduler;

/** Two that have the same, the first of which writes with the lower number. */
function pair(): [Replica, Replica] {
  const replicas: [Replica, Replica] = [createReplica(), createReplica()];
  replicas[0].doc.clientID = 1;
  replicas[1].doc.clientID = 2;
  edit(replicas[0], putPort(80, "rr"));
  synchronize(...replicas);
  return replicas;
}

describe("two sides that changed the same entry", () => {
  test("come to the change of the higher writer when both made as many", () => {
    const [a, b] = pair();
    edit(a, putPort(80, "wlc"));
    edit(b, putPort(80, "lc"));
    synchronize(a, b);
    expect(scheduler(a)).toBe("lc");
  });

  test("come to that of the side that changed it more often", () => {
    const [a, b] = pair();
    edit(a, putPort(80, "lc"));
    edit(a, putPort(80, "wlc"));
    edit(b, putPort(80, "sh"));
    synchronize(a, b);
    expect(scheduler(a)).toBe("wlc");
  });

  test("come to a change, not to a removal, and the next removal is one for good", () => {
    const [a, b] = pair();
    edit(b, { kind: "removeService", key: KEY });
    edit(a, putPort(80, "lc"));
    synchronize(a, b);
    expect(scheduler(b)).toBe("lc");
    edit(b, { kind: "removeService", key: KEY });
    synchronize(a, b);
    expect(scheduler(a)).toBeUndefined();
    expect(a.doc.getMap("services")._map.size).toBe(0);
  });

  test("forget what lost with the next edit, and nothing of it comes back", () => {
    const [a, b] = pair();
    const away = createReplica([Y.encodeStateAsUpdate(a.doc)]);
    edit(a, putPort(80, "wlc"));
    edit(b, putPort(80, "lc"));
    synchronize(a, b);
    expect(a.doc.getMap("services").size).toBe(2);
    edit(a, putPort(80, "sh"));
    synchronize(a, b);
    synchronize(b, away);
    for (const replica of [a, b, away]) {
      expect(scheduler(replica)).toBe("sh");
      expect(replica.doc.getMap("services").size).toBe(1);
    }
  });
});

test("who was away for long keeps its edit, although all that it was built on is forgotten", () => {
  const [a, b] = pair();
  edit(b, putPort(80, "wlc"), putPort(81, "lc"));
  for (let round = 0; round < 50; round++) edit(a, putPort(82 + round % 2), putPort(84));
  edit(a, { kind: "removeService", key: KEY });
  const restarted = createReplica([Y.encodeStateAsUpdate(a.doc)]);
  synchronize(restarted, b);
  expect(scheduler(restarted)).toBe("wlc");
  expect([...restarted.content.read().document.services.keys()]).toEqual(
    [80, 81, 82, 83, 84].map((port) => `tcp/192.0.2.240:${port}`),
  );
});

test("edits of an earlier version merge with those of this one, in any order", () => {
  const step = fc.record({
    at: fc.nat(2),
    early: fc.boolean(),
    scheduler: fc.option(fc.constantFrom(...SCHEDULERS), { nil: undefined }),
    to: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const replicas = [createReplica(), createReplica(), createReplica()];
      for (const { at, early, scheduler, to } of steps) {
        const replica = replicas[at] as Replica;
        if (early) editAsBefore(replica, scheduler);
        else if (scheduler === undefined) edit(replica, { kind: "removeService", key: KEY });
        else edit(replica, putPort(80, scheduler));
        applyPeerUpdate(replicas[to] as Replica, Y.encodeStateAsUpdate(replica.doc));
      }
      const [a, b, c] = replicas as [Replica, Replica, Replica];
      synchronize(a, b);
      synchronize(b, c);
      synchronize(a, c);
      // The content is what a node reads that starts from this.
      expect(plain(createReplica([Y.encodeStateAsUpdate(a.doc)]))).toEqual(plain(a));
    }),
    { numRuns: 80 },
  );
});

test("what an earlier version wrote is replaced as a whole", () => {
  const replica = createReplica();
  editAsBefore(replica, "rr");
  edit(replica, putPort(80, "wlc"));
  expect(scheduler(replica)).toBe("wlc");
  expect(replica.doc.getMap("services").has(KEY)).toBe(false);
  edit(replica, { kind: "removeService", key: KEY });
  expect(scheduler(replica)).toBeUndefined();
});
