/** Which updates of peers Yjs gets to see. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as Y from "yjs";
import { updateProblem } from "../../../src/shell/document/document_gate.ts";
import { prepareEdit } from "../../../src/shell/document/document_edit.ts";
import { applyOwnUpdate, createReplica } from "../../../src/shell/document/document_replica.ts";
import { missingChunk } from "../../../src/shell/document/document_slices.ts";
import { anyEdits } from "./arbitrary_edits.ts";

function updateOf(make: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc();
  doc.transact(() => make(doc));
  return Y.encodeStateAsUpdate(doc);
}

const problemOf = (make: (doc: Y.Doc) => void) => updateProblem(updateOf(make));

describe("updateProblem", () => {
  test("lets everything pass that edits and synchronization make", () => {
    fc.assert(
      fc.property(fc.array(anyEdits, { maxLength: 6 }), (all) => {
        const replica = createReplica();
        for (const edits of all) {
          const { pieces } = prepareEdit(replica, edits);
          for (const piece of pieces) {
            expect(updateProblem(piece)).toBeNull();
            applyOwnUpdate(replica, piece);
          }
        }
        const nothing = Uint8Array.of(0);
        expect(updateProblem(missingChunk(replica.doc, nothing).update)).toBeNull();
        expect(updateProblem(Y.encodeStateAsUpdate(replica.doc))).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  test("lets every plain value pass", () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      expect(problemOf((doc) => doc.getMap("any").set("key", value))).toBeNull();
    }));
  });

  test("names what has no place in the document", () => {
    const problems = {
      "a nested map": problemOf((doc) => doc.getMap("services").set("x", new Y.Map())),
      "a text": problemOf((doc) => doc.getText("services").insert(0, "x")),
      "a list": problemOf((doc) => doc.getArray("services").insert(0, [1])),
      "a document": problemOf((doc) => doc.getMap("services").set("x", new Y.Doc())),
      "bytes": problemOf((doc) => doc.getMap("services").set("x", new Uint8Array(3))),
      "a long key": problemOf((doc) => doc.getMap("services").set("x".repeat(1_025), 1)),
    };
    expect(problems).toEqual({
      "a nested map": "has content of kind 7",
      "a text": "has an item without a key",
      "a list": "has an item without a key",
      "a document": "has content of kind 9",
      "bytes": "has content of kind 3",
      "a long key": "has a name longer than 1024 bytes",
    });
  });

  test("refuses tiny pieces by the thousand, which keep Yjs busy for seconds, in no time", () => {
    const items = updateOf((doc) => {
      for (let key = 0; key < 50_000; key++) doc.getMap("services").set(`${key}`, 1);
    });
    // Three thousand writers, of one trace each.
    const writers = Uint8Array.of(
      ...[0xb8, 0x17],
      ...Array.from({ length: 3_000 }, (_, n) => [1, n & 0x7f, 0, 0, 1]).flat(),
      0,
    );
    const values = updateOf((doc) => {
      doc.getMap("services").set("x", Array.from({ length: 200_000 }, () => null));
    });
    const ranges = Uint8Array.of(0, 1, 1, 0xff, 0xff, 0xff, 0x7f);
    const startMs = performance.now();
    expect([items, writers, values, ranges].map(updateProblem)).toEqual([
      "has more than 20480 pieces",
      "has more than 2048 writers",
      "has more than 131072 values",
      "has more than 262144 removed ranges",
    ]);
    expect(performance.now() - startMs).toBeLessThan(500);
  });

  test("never throws, whatever the bytes are, and what it lets pass Yjs can read", () => {
    let passed = 0;
    const good = updateOf((doc) => doc.getMap("services").set("a", { b: [1, "c", null] }));
    const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = good.slice();
      bytes[at] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged), (bytes) => {
        if (updateProblem(bytes) !== null) return;
        passed++;
        try {
          Y.decodeUpdate(bytes);
        } catch (error) {
          // Text that is no UTF-8 is the one thing it leaves to Yjs.
          expect(String(error)).toMatch(/UTF-8|encoded|malformed/i);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(passed).toBeGreaterThan(100);
  });
});
