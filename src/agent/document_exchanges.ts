/**
 * With which peers this node exchanges the cluster document, and when.
 *
 * An edit reaches everybody by gossip, and just after it every peer's record still tells the digest from before: who
 * exchanged with all of them at once would do so n times per node and edit. So a peer's digest has to differ for a
 * while, and only a few exchanges run at a time; what one peer brings, the others need not.
 */
import type { NodeId } from "../core/document/document.ts";
import { changePeriodMs } from "../core/cluster/record_pace.ts";
import type { State } from "../core/state.ts";
import type { DocumentStore, Gossip } from "../ports.ts";
import type { Logger } from "./logger.ts";

/** Time between two exchanges with one peer, ms. */
const SYNCHRONIZE_MS = 500;
/** How long a peer's digest has to differ, ms: time for an update and for the record that tells of it, and some. */
const DIFFERS_MS = 200;
/** Exchanges at a time: one may hang with a peer that has just died, and the others go on. */
const AT_ONCE = 3;

/** What the exchanges need. */
export interface DocumentExchangesOptions {
  readonly gossip: Pick<Gossip, "connected">;
  readonly store: Pick<DocumentStore, "digest" | "synchronize">;
  readonly log: Logger;
}

/** See the head of this file. */
export class DocumentExchanges {
  readonly #options: DocumentExchangesOptions;
  /** Connected peers whose digest differs, and since when. */
  #differing: ReadonlyMap<NodeId, number> = new Map();
  /** When the last exchange with a peer that still differs began. */
  readonly #begunMs = new Map<NodeId, number>();
  #running = 0;

  constructor(options: DocumentExchangesOptions) {
    this.#options = options;
  }

  /** Entries kept, by what they are about. */
  sizes(): Readonly<Record<string, number>> {
    return { differing: this.#differing.size, exchanges: this.#begunMs.size };
  }

  /** Begins the exchanges that are due. */
  poke(state: State, now: number): void {
    this.#look(state, now);
    if (this.#differing.size === 0) return;
    const waitMs = DIFFERS_MS + changePeriodMs(state.peers.size + 1);
    for (const id of inTurn(this.#differing.keys(), state.self.id)) {
      if (this.#running >= AT_ONCE) return;
      if (now - (this.#differing.get(id) ?? now) < waitMs) continue;
      if (now - (this.#begunMs.get(id) ?? -Infinity) < SYNCHRONIZE_MS) continue;
      this.#begunMs.set(id, now);
      void this.#exchange(id, state.peers.get(id)?.record.name ?? id);
    }
  }

  #look(state: State, now: number): void {
    const { gossip, store } = this.#options;
    const digest = store.digest();
    const differing = new Map<NodeId, number>();
    for (const id of gossip.connected()) {
      const peer = state.peers.get(id);
      if (peer === undefined || peer.record.document === digest) continue;
      differing.set(id, this.#differing.get(id) ?? now);
    }
    this.#differing = differing;
    for (const id of this.#begunMs.keys()) if (!differing.has(id)) this.#begunMs.delete(id);
  }

  async #exchange(id: NodeId, peer: string): Promise<void> {
    const { store, log } = this.#options;
    this.#running++;
    try {
      await store.synchronize(id);
    } catch (error) {
      log.debug(
        { peer, error: String(error) },
        "document exchange failed, will be tried again",
      );
    } finally {
      this.#running--;
    }
  }
}

/** In order of ids, from the own one on and round: two nodes do not turn to the same peer first. */
function inTurn(ids: Iterable<NodeId>, self: NodeId): NodeId[] {
  const sorted = [...ids].sort();
  const next = sorted.findIndex((id) => id > self);
  return next === -1 ? sorted : [...sorted.slice(next), ...sorted.slice(0, next)];
}
