/**
 * A real document store on this machine's disk that is edited all the time: services come, change and go, each on a
 * port that was not used for long.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceKey } from "../../src/core/service/service.ts";
import {
  type OpenDocumentStore,
  openDocumentStore,
} from "../../src/shell/document/document_store.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";
import { service } from "../support/cluster_views.ts";

const PORT_FIRST = 1_000;
const PORTS = 60_000;

/** See the head of this file. */
export class EditedDocument {
  readonly #folder: string;
  #store: OpenDocumentStore;
  #edits = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#store = openStore(folder);
  }

  static async open(): Promise<EditedDocument> {
    return new EditedDocument(mkdtempSync(join(tmpdir(), "troop-soak-")));
  }

  /** Makes so many edits, and then restarts the store as an agent does, which has a new name as a writer. */
  async edit(count: number): Promise<void> {
    for (let done = 0; done < count; done++) {
      const number = Math.floor(this.#edits++ / 2);
      const made = service({ port: PORT_FIRST + number % PORTS });
      await this.#store.edit([
        this.#edits % 2 === 1
          ? { kind: "putService", service: made }
          : { kind: "removeService", key: serviceKey(made) },
      ]);
    }
    await this.#store.close();
    this.#store = openStore(this.#folder);
  }

  /** Bytes of the document on disk, its journal included. */
  get bytes(): number {
    return readdirSync(this.#folder).reduce(
      (sum, name) => sum + statSync(join(this.#folder, name)).size,
      0,
    );
  }

  async close(): Promise<void> {
    await this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A store without peers. */
function openStore(folder: string): OpenDocumentStore {
  return openDocumentStore({
    folder: openStateFolder(folder),
    network: {
      publish: () => Promise.resolve(0),
      open: () => Promise.reject(new Error("there are no peers")),
      attach: () => {},
    },
    onChange: () => {},
  });
}
