/**
 * A large replica in pieces of which each takes a millisecond or two: written to disk as a whole, or sent to a
 * peer that lacks much of it.
 */
import * as Y from "yjs";
import { realTimers, type Timers } from "../process/timers.ts";
import {
  type Removed,
  type Run,
  type Struct,
  structBytes,
  updateParts,
  writeUpdate,
} from "./document_update.ts";

/** Structs encoded at once, and looked at: of short entries they take about a millisecond. */
const SLICE_STRUCTS = 256;
/** Bytes after which a peer gets the rest in the next round: to decode, merge and validate them takes it some ms. */
const CHUNK_BYTES = 16_384;
/** Longest state vector of a peer, bytes: some 100,000 writers, each start of an agent that edits being one. */
const VECTOR_BYTES_MAX = 1_048_576;

/**
 * The whole replica as an update, in pieces that follow each other. Edits may come while it works: what it has
 * already passed may then lack them, so they must be kept elsewhere.
 */
export async function encodeInSlices(
  replica: Y.Doc,
  timers: Timers = realTimers,
): Promise<Uint8Array[]> {
  const { store } = replica;
  // What waits for an earlier edit lies in no map yet; only Yjs itself knows how to write it. It is rare, and short.
  if (store.pendingStructs !== null || store.pendingDs !== null) {
    return [Y.encodeStateAsUpdate(replica)];
  }
  const runs: Run[] = [];
  // What comes from here on may build on what this has passed by.
  const until = [...store.clients.keys()].map((client) =>
    [client, Y.getState(store, client)] as const
  );
  for (const [client, end] of until) {
    const bytes: Uint8Array[] = [];
    let count = 0;
    for (let clock = 0; clock < end;) {
      const structs = structsFrom(store.clients.get(client) ?? [], {
        clock,
        end,
        max: SLICE_STRUCTS,
      });
      const last = structs.at(-1);
      if (last === undefined) break;
      bytes.push(structBytes(structs, clock));
      count += structs.length;
      clock = last.id.clock + last.length;
      await timers.turn();
    }
    if (count > 0) runs.push({ client, clock: 0, count, bytes });
  }
  // What is removed needs no word: Yjs has put traces in the place of its content, and they are written.
  return updateParts(runs, new Map());
}

function structsFrom(
  structs: readonly Struct[],
  { clock, end, max }: { readonly clock: number; readonly end: number; readonly max: number },
): Struct[] {
  const found: Struct[] = [];
  const first = Y.findIndexSS(structs as Struct[], clock);
  for (let index = first; index < first + max; index++) {
    const struct = structs[index];
    if (struct === undefined || struct.id.clock >= end) break;
    found.push(struct);
  }
  return found;
}

/** A part of what a peer lacks. */
export interface Chunk {
  readonly update: Uint8Array;
  /** Whether the peer lacks nothing more when it has merged this. */
  readonly complete: boolean;
}

/**
 * What a replica with this state vector lacks, or a first part of it that it can merge without the rest. Throws
 * when the bytes are no state vector.
 */
export function missingChunk(replica: Y.Doc, vector: Uint8Array): Chunk {
  if (vector.length > VECTOR_BYTES_MAX) throw new RangeError("the state vector is too long");
  const walk = new CausalWalk(replica, Y.decodeStateVector(vector));
  for (let bytes = 0; bytes < CHUNK_BYTES;) {
    const more = walk.next();
    if (more === 0) break;
    bytes += more;
  }
  if (!walk.done()) return { update: walk.update(new Map()), complete: false };
  // Which items are removed is known to nobody by a clock, so all of them are told, behind the last items: a peer
  // that sees by its clocks that it has everything must have this too.
  const removed = Y.createDeleteSetFromStructStore(replica.store).clients;
  return { update: walk.update(removed), complete: true };
}

/**
 * Whether what a replica with the state vector `own` received made up for all it lacked of one with the state vector
 * `theirs`. It is not enough that it has it: only the last piece tells what was removed. Throws on bytes that are none.
 */
export function completes(
  { own, received, theirs }: {
    readonly own: Uint8Array;
    readonly received: Uint8Array;
    readonly theirs: Uint8Array;
  },
): boolean {
  const before = Y.decodeStateVector(own);
  const { to } = Y.parseUpdateMeta(received);
  return [...Y.decodeStateVector(theirs)]
    .every(([client, clock]) => Math.max(before.get(client) ?? 0, to.get(client) ?? 0) >= clock);
}

/** Goes through structs so that each comes after those it builds on, which may be of other writers. */
class CausalWalk {
  readonly #store: Y.Doc["store"];
  /** Where the walk is, by writer. */
  readonly #clocks = new Map<number, number>();
  readonly #runs = new Map<number, { readonly clock: number; readonly bytes: Uint8Array[] }>();
  /** Writers with more to come, the present one last: those before it wait for it. */
  readonly #waiting: number[];

  constructor({ store }: Y.Doc, from: ReadonlyMap<number, number>) {
    this.#store = store;
    for (const client of store.clients.keys()) {
      this.#clocks.set(client, Math.min(from.get(client) ?? 0, Y.getState(store, client)));
    }
    this.#waiting = [...store.clients.keys()];
  }

  /** Whether there are no more. */
  done(): boolean {
    return this.#nextStruct() === undefined;
  }

  /** Takes one struct; its size in bytes, or 0 when there are no more. */
  next(): number {
    // No two structs build on each other, so this ends at one that builds on nothing that is missing.
    for (;;) {
      const struct = this.#nextStruct();
      if (struct === undefined) return 0;
      const other = builtOn(struct).find((id) => id.clock >= (this.#clocks.get(id.client) ?? 0));
      if (other === undefined) return this.#take(struct);
      this.#waiting.push(other.client);
    }
  }

  update(removed: Removed): Uint8Array {
    const runs = [...this.#runs].map(([client, { clock, bytes }]) => (
      { client, clock, count: bytes.length, bytes }
    ));
    return writeUpdate(runs, removed);
  }

  /** The next struct of the present writer that has more. */
  #nextStruct(): Struct | undefined {
    for (let client = this.#waiting.at(-1); client !== undefined; client = this.#waiting.at(-1)) {
      const structs = this.#store.clients.get(client);
      const clock = this.#clocks.get(client) ?? 0;
      if (structs !== undefined && clock < Y.getState(this.#store, client)) {
        return structs[Y.findIndexSS(structs, clock)];
      }
      this.#waiting.pop();
    }
    return undefined;
  }

  #take(struct: Struct): number {
    const { client } = struct.id;
    const clock = this.#clocks.get(client) ?? 0;
    const run = this.#runs.get(client) ?? { clock, bytes: [] };
    const bytes = structBytes([struct], clock);
    run.bytes.push(bytes);
    this.#runs.set(client, run);
    this.#clocks.set(client, struct.id.clock + struct.length);
    return bytes.length;
  }
}

/** Items of other writers that must be there before this one. */
function builtOn(struct: Struct): Y.ID[] {
  if (!(struct instanceof Y.Item)) return [];
  const parent = struct.parent instanceof Y.AbstractType ? struct.parent._item?.id ?? null : null;
  return [struct.origin, struct.rightOrigin, parent]
    .filter((id): id is Y.ID => id !== null && id.client !== struct.id.client);
}
