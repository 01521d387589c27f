/**
 * The cluster document on disk: a checksum and the replica's bytes, in a file that is replaced as a whole.
 */
import { createHash } from "node:crypto";
import type * as Y from "yjs";
import { createReplica } from "./document_replica.ts";
import { errorText } from "./notices.ts";
import type { StateFolder } from "./state_folder.ts";

const FILE = "document.bin";
/** "TRD1": a troop document, version 1. */
const MAGIC = Uint8Array.of(0x54, 0x52, 0x44, 0x31);
const CHECKSUM_BYTES = 32;
const HEAD_BYTES = MAGIC.length + CHECKSUM_BYTES;

/** The replica in the folder; an empty one when there is none. A damaged file is set aside: peers have the content. */
export function loadReplica(folder: StateFolder): Y.Doc {
  const bytes = folder.read(FILE);
  if (bytes === null) return createReplica();
  try {
    return createReplica(unwrap(bytes));
  } catch (error) {
    folder.setAside(FILE, errorText(error));
    return createReplica();
  }
}

/** Writes a replica's bytes; resolves when they are on disk. Rejects with a Refusal when the disk refuses. */
export function saveReplica(folder: StateFolder, state: Uint8Array): Promise<void> {
  const bytes = new Uint8Array(HEAD_BYTES + state.length);
  bytes.set(MAGIC);
  bytes.set(checksum(state), MAGIC.length);
  bytes.set(state, HEAD_BYTES);
  return folder.write(FILE, bytes);
}

function unwrap(bytes: Uint8Array): Uint8Array {
  const state = bytes.subarray(HEAD_BYTES);
  const head = Buffer.concat([MAGIC, checksum(state)]);
  if (!head.equals(bytes.subarray(0, HEAD_BYTES))) throw new Error("the checksum does not match");
  return state;
}

function checksum(state: Uint8Array): Uint8Array {
  return createHash("sha256").update(state).digest();
}
