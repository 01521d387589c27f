/** What past edits leave in the document: a few bytes each, for ever, since a peer that was away must still merge. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { prepareEdit } from "../../../src/shell/document/document_edit.ts";
import { applyOwnUpdate, createReplica } from "../../../src/shell/document/document_replica.ts";
import { encodeInSlices } from "../../../src/shell/document/document_slices.ts";
import { joinBytes } from "../../../src/shell/document/document_update.ts";
import { sampleService } from "../../support/sample_service.ts";

setDefaultTimeout(30_000);

/** Bytes that one edit may leave: seen are 10, so that the largest document has room for 1.6 million. */
const EDIT_BYTES_MAX = 12;
const SERVICES = 20;
const EDITS = 500;

test("edits of the same entries leave traces of a few bytes", async () => {
  const replica = createReplica();
  const bytes = async () => joinBytes(await encodeInSlices(replica.doc)).length;
  const edit = (count: number) => {
    for (let index = 0; index < count; index++) {
      const service = sampleService({ port: 1 + index % SERVICES, weight: 1 + index % 7 });
      for (const piece of prepareEdit(replica, [{ kind: "putService", service }]).pieces) {
        applyOwnUpdate(replica, piece);
      }
    }
  };
  edit(SERVICES);
  const before = await bytes();
  edit(EDITS);
  expect((await bytes()) - before).toBeLessThan(EDITS * EDIT_BYTES_MAX);
});
