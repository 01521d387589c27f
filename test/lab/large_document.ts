/**
 * Writes a large cluster document into the state folder of a node whose agent does not run yet. The program's
 * own store does it: the same content by its command line would be 11,000 processes.
 */
import { homeIn } from "../../src/core/home.ts";
import type { Edit } from "../../src/core/document/document.ts";
import type { DocumentNetwork } from "../../src/shell/document/document_network.ts";
import { openDocumentStore } from "../../src/shell/document/document_store.ts";
import { prepareHome } from "../../src/shell/files/home.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";

/** Edits in one write. */
const BATCH_EDITS = 1_100;

/** A network without anybody. */
const NOBODY: DocumentNetwork = {
  publish: () => Promise.resolve(0),
  open: () => Promise.reject(new Error("there is no peer")),
  attach: () => {},
};

/** Makes the edits in the document of the node that keeps its files in `folder`. */
export async function writeDocument(folder: string, edits: readonly Edit[]): Promise<void> {
  const home = homeIn(folder);
  prepareHome(home);
  const store = openDocumentStore({
    folder: openStateFolder(home.state),
    network: NOBODY,
    onChange: () => {},
  });
  for (let start = 0; start < edits.length; start += BATCH_EDITS) {
    await store.edit(edits.slice(start, start + BATCH_EDITS));
  }
  await store.close();
}
