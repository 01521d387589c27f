/** A document that was lost, and comes from peers: it is on disk before much else happens. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDocumentStore } from "../../../src/shell/document/document_store.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { realTimers, type Timers } from "../../../src/shell/process/timers.ts";
import { eventually } from "../../support/eventually.ts";
import { putPort } from "../../support/sample_service.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { createMemoryNetwork } from "./memory_network.ts";

const A = "00000000000000aa";
const B = "00000000000000bb";

test("a node whose document was lost has what peers send on disk at once, others by and by", async () => {
  const network = createMemoryNetwork();
  const peer = openDocumentStore({
    folder: openStateFolder(tempFolder()),
    network: network.join(B),
    onChange: () => {},
  });
  await peer.edit([putPort(80)]);
  const delaysOf = async (journal: string | null): Promise<number[]> => {
    const path = tempFolder();
    if (journal !== null) writeFileSync(join(path, "document.journal"), journal);
    const delays: number[] = [];
    const timers: Timers = {
      ...realTimers,
      after: (delayMs, work) => {
        delays.push(delayMs);
        return realTimers.after(delayMs, work);
      },
    };
    const store = openDocumentStore({
      folder: openStateFolder(path),
      network: network.join(A),
      onChange: () => {},
      timers,
    });
    await store.synchronize(B);
    await eventually("it has the edit", () => store.current().services.size === 1);
    await store.close();
    return delays;
  };
  expect(await delaysOf("no journal")).toContain(0);
  expect(await delaysOf(null)).not.toContain(0);
  await peer.close();
});
