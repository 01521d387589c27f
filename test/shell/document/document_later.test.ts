/**
 * What a later version put into the document: this one keeps it, through its disk and to other nodes, tells how much there
 * is, and applies nothing of it.
 */
import { expect, test } from "bun:test";
import * as Y from "yjs";
import { DocumentFile } from "../../../src/shell/document/document_file.ts";
import {
  applyPeerUpdate,
  createReplica,
  type Replica,
} from "../../../src/shell/document/document_replica.ts";
import { encodeInSlices, missingChunk } from "../../../src/shell/document/document_slices.ts";
import { openDocumentStore } from "../../../src/shell/document/document_store.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { createMemoryNetwork } from "./memory_network.ts";
import { putPort, sampleService } from "../../support/sample_service.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const KEY = "tcp/192.0.2.240:80";

/** An update by a version that has a part, a kind of service and a setting more. */
function laterUpdate(): Uint8Array {
  const doc = new Y.Doc();
  doc.getMap("tides").set("high", { atMs: 7 });
  doc.getMap("tides").set("low", { atMs: 9 });
  doc.getMap("services").set("quic/192.0.2.240:443", { protocol: "quic", port: 443 });
  doc.getMap("services").set(KEY, { ...sampleService(), colour: "red" });
  doc.getMap("settings").set("moon", { value: "full" });
  return Y.encodeStateAsUpdate(doc);
}

/** What a node of that later version would read here. */
function expectAll({ doc, content }: Replica): void {
  expect(doc.getMap("tides").toJSON()).toEqual({ high: { atMs: 7 }, low: { atMs: 9 } });
  const services = content.written("services");
  expect(services.get(KEY)).toMatchObject({ colour: "red" });
  expect(services.get("quic/192.0.2.240:443")).toEqual({ protocol: "quic", port: 443 });
  expect(doc.getMap("settings").toJSON()).toEqual({ moon: { value: "full" } });
}

test("it is kept by every way there is, and counted", async () => {
  const replica = createReplica();
  applyPeerUpdate(replica, laterUpdate());
  expectAll(replica);
  // Two of the part, the kind of service, and the setting; a service with a field more is one.
  expect(replica.content.read().document.idle).toBe(4);
  expect([...replica.content.read().document.services.keys()]).toEqual([KEY]);

  const folder = openStateFolder(tempFolder());
  const file = new DocumentFile(folder);
  await file.writeReplica(await encodeInSlices(replica.doc));
  const read = new DocumentFile(folder).load();
  expectAll(read);
  expect(read.content.read().document.idle).toBe(4);

  const other = createReplica();
  applyPeerUpdate(other, missingChunk(read.doc, Y.encodeStateVector(other.doc)).update);
  expectAll(other);
});

test("it passes through edits and restarts of this version, and the count follows it", async () => {
  const network = createMemoryNetwork();
  const folder = openStateFolder(tempFolder());
  const open = () =>
    openDocumentStore({ folder, network: network.join("00000000000000aa"), onChange: () => {} });
  const store = open();
  const later = network.join("00000000000000bb");
  later.attach({ update: () => {}, serve: () => Promise.resolve() });
  await later.publish(laterUpdate());
  expect(store.current().idle).toBe(4);
  await store.edit([putPort(80, "rr")]);
  await store.close();
  const again = open();
  expect(again.current().idle).toBe(4);
  expect(again.current().services.get(KEY)?.scheduler).toBe("rr");
  await again.close();
  expectAll(new DocumentFile(folder).load());
});

test("a document in which all is known says nothing of it", () => {
  const replica = createReplica();
  const doc = new Y.Doc();
  doc.getMap("tides").set("high", {});
  applyPeerUpdate(replica, Y.encodeStateAsUpdate(doc));
  expect(replica.content.read().document.idle).toBe(1);
  doc.getMap("tides").delete("high");
  applyPeerUpdate(replica, Y.encodeStateAsUpdate(doc));
  expect(replica.content.read().document).not.toHaveProperty("idle");
});
