/**
 * One replica of the cluster document as a CRDT (Yjs): one map per part, entries as plain JSON. Replicas that
 * have merged the same edits, in whatever order, have the same content and the same digest.
 */
import { createHash } from "node:crypto";
import * as Y from "yjs";
import type { z } from "zod";
import { type ClusterDocument, documentParts, type Edit, nodeIdSchema } from "../core/document.ts";
import { NODES_MAX, SERVICES_MAX, VIPS_MAX } from "../core/limits.ts";
import { type Service, serviceKey } from "../core/service.ts";

type Part = keyof typeof documentParts;
type Entry<P extends Part> = z.infer<(typeof documentParts)[P]>;

/** Entries about nodes, those who left included: four times what a cluster can have at once. */
export const NODE_ENTRIES_MAX = 4 * NODES_MAX;
/** Bytes of updates kept that wait for an earlier one: beyond, they are forgotten and synchronized again. */
const PENDING_BYTES_MAX = 1_048_576;

/** An entry that was left out of the content, and why. */
export interface SkippedEntry {
  readonly part: Part;
  readonly key: string;
  readonly problem: string;
}

/** The content of a replica. */
export interface ReplicaContent {
  readonly document: ClusterDocument;
  readonly skipped: readonly SkippedEntry[];
}

/** Makes a replica, empty or from what {@link encodeReplica} wrote. Throws on bytes that are no such thing. */
export function createReplica(state?: Uint8Array): Y.Doc {
  const replica = new Y.Doc();
  // Named here so that no update can make them something other than maps.
  for (const part of partNames()) replica.getMap(part);
  if (state !== undefined) Y.applyUpdate(replica, state);
  return replica;
}

/** The whole replica as bytes. */
export function encodeReplica(replica: Y.Doc): Uint8Array {
  return Y.encodeStateAsUpdate(replica);
}

/**
 * A copy with the edits in it, and the update that turns the original into it. The original is as before.
 * The copy edits in the original's name, so the caller must apply the update there or never use the copy.
 */
export function editCopy(
  replica: Y.Doc,
  edits: readonly Edit[],
): { readonly copy: Y.Doc; readonly update: Uint8Array } {
  const copy = createReplica(encodeReplica(replica));
  copy.clientID = replica.clientID;
  const updates: Uint8Array[] = [];
  copy.on("update", (update: Uint8Array) => updates.push(update));
  copy.transact(() => {
    for (const edit of edits) applyEdit(copy, edit);
  });
  return { copy, update: Y.mergeUpdates(updates) };
}

function applyEdit(replica: Y.Doc, edit: Edit): void {
  switch (edit.kind) {
    case "putService":
      replica.getMap("services").set(serviceKey(edit.service), edit.service);
      return;
    case "removeService":
      replica.getMap("services").delete(edit.key);
      return;
    case "putMove":
      forgetIdleMoves(replica);
      replica.getMap("moves").set(edit.move.vip, edit.move);
      return;
    case "putNode":
      replica.getMap("nodes").set(edit.id, edit.entry);
      return;
  }
}

/** Orders about VIPs that no service has any more: without this, years of them would fill the limit. */
function forgetIdleMoves(replica: Y.Doc): void {
  const moves = replica.getMap("moves");
  if (moves.size < VIPS_MAX) return;
  const vips = serviceVips(replica);
  for (const vip of [...moves.keys()]) if (!vips.has(vip)) moves.delete(vip);
}

/** The addresses in the keys of the services. */
function serviceVips(replica: Y.Doc): Set<string> {
  return new Set([...replica.getMap("services").keys()].map(keyAddress));
}

function keyAddress(key: string): string {
  return key.slice(key.indexOf("/") + 1, key.lastIndexOf(":")).replace(/[[\]]/g, "");
}

/** Applies an update this node made with {@link editCopy}. */
export function applyOwnUpdate(replica: Y.Doc, update: Uint8Array): void {
  // Yjs takes its own name on an update it did not make for a clash, and complains on the console. It was made
  // on a copy under this name, so the name is put away meanwhile.
  const name = replica.clientID;
  takeNewName(replica);
  Y.applyUpdate(replica, update);
  replica.clientID = name;
}

/** Gives the replica another name for its own edits. */
export function takeNewName(replica: Y.Doc): void {
  replica.clientID = new Y.Doc().clientID;
}

/**
 * Applies an update from a peer; true when it changed something. Throws when the bytes are no update, and
 * then the replica may be damaged: replace it.
 */
export function applyPeerUpdate(replica: Y.Doc, update: Uint8Array): boolean {
  Y.decodeUpdate(update);
  let changed = false;
  const notice = () => changed = true;
  replica.on("update", notice);
  try {
    Y.applyUpdate(replica, update);
  } finally {
    replica.off("update", notice);
  }
  const { store } = replica;
  if ((store.pendingStructs?.update.length ?? 0) > PENDING_BYTES_MAX) store.pendingStructs = null;
  if ((store.pendingDs?.length ?? 0) > PENDING_BYTES_MAX) store.pendingDs = null;
  return changed;
}

/** What the replica has seen, for {@link missingFor} on another one. */
export function stateVector(replica: Y.Doc): Uint8Array {
  return Y.encodeStateVector(replica);
}

/** The edits a replica with this state vector has not seen. Throws when the bytes are no state vector. */
export function missingFor(replica: Y.Doc, vector: Uint8Array): Uint8Array {
  return Y.encodeStateAsUpdate(replica, vector);
}

/**
 * Equal exactly when two replicas have merged the same edits: a hash over what was inserted (the state
 * vector) and what was removed (the delete set), both of which Yjs writes in a fixed order.
 */
export function replicaDigest(replica: Y.Doc): string {
  const snapshot = Y.encodeSnapshot(Y.snapshot(replica));
  return createHash("sha256").update(snapshot).digest("hex").slice(0, 16);
}

/** The validated content. What is not valid is left out, the same on every replica, and told. */
export function readReplica(replica: Y.Doc): ReplicaContent {
  const skipped: SkippedEntry[] = [];
  const services = readPart(replica, "services", { max: SERVICES_MAX, keyOf: serviceKey, skipped });
  dropExcessVips(services, skipped);
  const moves = readPart(replica, "moves", { max: VIPS_MAX, keyOf: (move) => move.vip, skipped });
  const nodes = readPart(replica, "nodes", {
    max: NODE_ENTRIES_MAX,
    keyOf: (_entry, key) => nodeIdSchema.safeParse(key).data,
    skipped,
  });
  return { document: { services, moves, nodes }, skipped };
}

interface ReadOptions<P extends Part> {
  readonly max: number;
  /** The key an entry must have; undefined when it can have none. */
  readonly keyOf: (entry: Entry<P>, key: string) => string | undefined;
  readonly skipped: SkippedEntry[];
}

function readPart<P extends Part>(
  replica: Y.Doc,
  part: P,
  { max, keyOf, skipped }: ReadOptions<P>,
): Map<string, Entry<P>> {
  const entries = new Map<string, Entry<P>>();
  const map = replica.getMap<unknown>(part);
  for (const key of [...map.keys()].sort()) {
    const entry = readEntry(part, map.get(key));
    if (typeof entry === "string") {
      skipped.push({ part, key, problem: entry });
    } else if (keyOf(entry, key) !== key) {
      skipped.push({ part, key, problem: "stands under a key that is not its own" });
    } else if (entries.size >= max) {
      skipped.push({ part, key, problem: `is one more than ${max}` });
    } else {
      entries.set(key, entry);
    }
  }
  return entries;
}

/** Judgements already made, by the very object the replica holds: one edit need not judge thousands of entries again. */
const judged = new WeakMap<object, object | string>();

/** The validated entry, or what is wrong with it. */
function readEntry<P extends Part>(part: P, value: unknown): Entry<P> | string {
  if (typeof value !== "object" || value === null) return "is not an object";
  const known = judged.get(value);
  if (known !== undefined) return known as Entry<P> | string;
  const parsed = documentParts[part].safeParse(value);
  const entry = parsed.data ?? parsed.error?.issues[0]?.message ?? "is not valid";
  judged.set(value, entry);
  return entry as Entry<P> | string;
}

/** How much there is of what is limited, valid or not. */
export function countEntries(
  replica: Y.Doc,
): { readonly what: string; readonly count: number; readonly max: number }[] {
  return [
    { what: "services", count: replica.getMap("services").size, max: SERVICES_MAX },
    { what: "VIPs", count: serviceVips(replica).size, max: VIPS_MAX },
    { what: "moves", count: replica.getMap("moves").size, max: VIPS_MAX },
    { what: "node entries", count: replica.getMap("nodes").size, max: NODE_ENTRIES_MAX },
  ];
}

function dropExcessVips(services: Map<string, Service>, skipped: SkippedEntry[]): void {
  const vips = new Set<string>();
  for (const [key, { address }] of services) {
    if (vips.has(address)) continue;
    if (vips.size < VIPS_MAX) vips.add(address);
    else {
      services.delete(key);
      skipped.push({
        part: "services",
        key,
        problem: `needs one more VIP than ${VIPS_MAX}`,
      });
    }
  }
}

function partNames(): Part[] {
  return Object.keys(documentParts) as Part[];
}
