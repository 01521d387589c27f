/** What past edits leave in the document: nothing that grows with their number, only with the starts of agents that edit. */
import { expect, setDefaultTimeout, test } from "bun:test";
import * as Y from "yjs";
import type { Edit } from "../../../src/core/document/document.ts";
import { HISTORY_EDITS_MAX } from "../../../src/core/document/history.ts";
import { prepareEdit, type Remember } from "../../../src/shell/document/document_edit.ts";
import {
  applyOwnUpdate,
  applyPeerUpdate,
  createReplica,
  type Replica,
  stateVector,
} from "../../../src/shell/document/document_replica.ts";
import { encodeInSlices } from "../../../src/shell/document/document_slices.ts";
import { joinBytes } from "../../../src/shell/document/document_update.ts";
import { sampleService } from "../../support/sample_service.ts";

setDefaultTimeout(30_000);

const SERVICES = 7;
/** Enough to fill the history. */
const WARM_EDITS = 150;
const EDITS = 300;
/** Edits between two restarts of some node. */
const EDITS_PER_START = 50;
/** What an agent's start leaves if it edits: its number as a writer, the clock it came to, a run of what was removed. */
const START_BYTES_MAX = 40;
/** Clocks and numbers of edits take more digits as they grow: a byte here and there, in each thing that is there. */
const DIGITS_BYTES_MAX = 4 * (SERVICES + HISTORY_EDITS_MAX);

const encoded = async ({ doc }: Replica) => joinBytes(await encodeInSlices(doc));

/** Three nodes that edit the same entries in turn, remember it, and start again now and then. */
class Nodes {
  readonly replicas = [createReplica(), createReplica(), createReplica()];
  #edits = 0;

  async edit(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const { replicas } = this;
      const at = this.#edits++ % replicas.length;
      const { pieces } = this.#prepare(replicas[at] as Replica);
      for (const piece of pieces) {
        applyOwnUpdate(replicas[at] as Replica, piece);
        for (const [other, replica] of replicas.entries()) {
          if (other !== at) applyPeerUpdate(replica, piece);
        }
      }
      if (this.#edits % EDITS_PER_START === 0) {
        replicas[at] = createReplica([await encoded(replicas[at] as Replica)]);
      }
    }
  }

  #prepare(replica: Replica) {
    const number = this.#edits;
    const service = sampleService({ port: 1 + number % SERVICES, weight: 1 + number % 5 });
    const drain = { kind: "removeSetting", name: "sync-ttl" } as const;
    const edits: Edit[] = [
      { kind: "putService", service },
      number % 2 === 0 ? drain : { kind: "putSetting", name: "sync-ttl", value: "3" },
    ];
    const remember: Remember = {
      note: { node: `n${number % 3}`, user: "root", describe: () => ["a service was changed"] },
      changes: [{ part: "services", key: "k", before: undefined, after: service }],
      wallMs: 1_700_000_000_000,
    };
    return prepareEdit(replica, edits, remember);
  }
}

test("stays as large as its content, on disk and in memory, with history and restarts", async () => {
  const nodes = new Nodes();
  await nodes.edit(WARM_EDITS);
  const before = (await encoded(nodes.replicas[0] as Replica)).length;
  await nodes.edit(EDITS);
  const allowed = START_BYTES_MAX * EDITS / EDITS_PER_START + DIGITS_BYTES_MAX;
  const digests = new Set<string>();
  for (const replica of nodes.replicas) {
    expect((await encoded(replica)).length - before).toBeLessThan(allowed);
    const structs = [...replica.doc.store.clients.values()].flat().length;
    const writers = Y.decodeStateVector(stateVector(replica)).size;
    // Each live value, a run of removed ones before it, and one behind the last of each writer.
    expect(structs).toBeLessThanOrEqual(2 * (SERVICES + 1 + HISTORY_EDITS_MAX) + writers);
    expect(replica.doc.getMap("services")._map.size).toBe(SERVICES);
    digests.add(replica.digest.value());
  }
  expect(digests.size).toBe(1);
});
