/** What makes one document another. */
import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { canonicalJson } from "../../../src/core/canonical.ts";
import { differences, editsOf } from "../../../src/core/document/difference.ts";
import { applied, changesOf } from "../../../src/core/document/edit_changes.ts";
import { sections } from "../../../src/core/file/write.ts";
import { fingerprint } from "../../../src/core/fingerprint.ts";
import { anyDocument, WALL_MS } from "../../support/arbitrary_document.ts";

setDefaultTimeout(30_000);

const options = { sections: new Set(sections), wallMs: WALL_MS };

test("the edits of a difference make the one document the other, and then there is no difference", () => {
  fc.assert(
    fc.property(anyDocument, anyDocument, (before, after) => {
      const changes = differences(before, after, options);
      // As an agent works it out of the edits alone: a lifted drain stays, and counts for nothing.
      const made = applied(before, changesOf(before, editsOf(changes, WALL_MS)));
      expect(differences(made, after, options)).toEqual([]);
      expect(differences(before, before, options)).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test("a section that is not compared does not change", () => {
  fc.assert(
    fc.property(anyDocument, anyDocument, (before, after) => {
      const only = { sections: new Set(["vips"] as const), wallMs: WALL_MS };
      for (const { part } of differences(before, after, only)) expect(part).toBe("vips");
    }),
    { numRuns: 10 },
  );
});

test("canonicalJson and fingerprint tell values apart and not the order of keys", () => {
  expect(canonicalJson({ b: [1, { d: null, c: "x" }], a: undefined })).toBe(
    '{"b":[1,{"c":"x","d":null}]}',
  );
  expect(fingerprint("ab")).not.toBe(fingerprint("ba"));
  expect(fingerprint("")).toMatch(/^[0-9a-f]{16}$/);
  const seen = new Set(
    Array.from({ length: 20_000 }, (_, index) => fingerprint(`weight ${index}`)),
  );
  expect(seen.size).toBe(20_000);
});
