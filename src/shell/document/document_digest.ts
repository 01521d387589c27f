/**
 * The digest of a replica, kept up to date change by change, so that asking for it costs nothing however
 * many edits there were.
 *
 * It is a sum of hashes modulo 2^64: one for what each writer has inserted (its clock in the state vector), and
 * for each run of removed items [first, end) the hash of its end less the hash of its first. Runs that meet
 * cancel out where they meet, so the sum does not depend on the order in which replicas learned what.
 */
import { createHash } from "node:crypto";
import * as Y from "yjs";

/** Follows one replica from its empty beginning. */
export interface DigestTracker {
  /** Equal exactly when two replicas have merged the same edits; 16 hex digits. */
  value(): string;
}

/** Starts to follow a replica, which must be empty yet. */
export function trackDigest(replica: Y.Doc): DigestTracker {
  let sum = 0n;
  const add = (hash: bigint) => void (sum = BigInt.asUintN(64, sum + hash));
  replica.on("afterTransaction", (transaction) => {
    for (const [client, clock] of transaction.afterState) {
      const before = transaction.beforeState.get(client) ?? 0;
      if (before === clock) continue;
      add(hashOf("seen", client, clock) - (before === 0 ? 0n : hashOf("seen", client, before)));
      add(removedAmongNew(replica, client, before));
    }
    for (const [client, ranges] of transaction.deleteSet.clients) {
      const before = transaction.beforeState.get(client) ?? 0;
      for (const { clock, len } of ranges) {
        // What was inserted in the same transaction is counted above: there also what a peer sent as removed.
        const end = Math.min(clock + len, before);
        if (clock < end) add(rangeHash(client, clock, end));
      }
    }
  });
  return { value: () => sum.toString(16).padStart(16, "0") };
}

/** The hashes of what was inserted from `clock` on and is removed already. */
function removedAmongNew(replica: Y.Doc, client: number, clock: number): bigint {
  const structs = replica.store.clients.get(client) ?? [];
  let sum = 0n;
  for (let index = Y.findIndexSS(structs, clock); index < structs.length; index++) {
    const struct = structs[index];
    if (struct === undefined || !struct.deleted) continue;
    const first = Math.max(struct.id.clock, clock);
    sum += rangeHash(client, first, struct.id.clock + struct.length);
  }
  return sum;
}

function rangeHash(client: number, first: number, end: number): bigint {
  return hashOf("removed", client, end) - hashOf("removed", client, first);
}

function hashOf(what: "seen" | "removed", client: number, clock: number): bigint {
  return createHash("sha256").update(`${what} ${client} ${clock}`).digest().readBigUInt64BE();
}
