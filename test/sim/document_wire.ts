/**
 * The network between simulated document stores: what is published and what travels on a stream arrives a moment
 * later, if both ends can still reach each other and their runs have not ended.
 */
import type { NodeId } from "../../src/core/document/document.ts";
import {
  type DocumentHandlers,
  type DocumentNetwork,
  SYNCHRONIZE_TIMEOUT_MS,
} from "../../src/shell/document/document_network.ts";
import type { Frames } from "../../src/shell/gossip/frames.ts";
import type { World } from "./world.ts";

/** One-way delay, virtual ms. */
const LATENCY_MS = 1;

/** What is between the nodes. */
export interface Between {
  /** Whether what one node sends now arrives at another. */
  readonly reach: (from: NodeId, to: NodeId) => boolean;
  /** Does the work of a node on which something has arrived, now or when it gets processor time. */
  readonly take: (id: NodeId, work: () => void) => void;
}

interface Member {
  readonly handlers: DocumentHandlers;
  readonly alive: () => boolean;
}

/** See the head of this file. */
export class DocumentWire {
  readonly #world: World;
  readonly #reach: Between["reach"];
  readonly #take: Between["take"];
  readonly #members = new Map<NodeId, Member>();

  constructor(world: World, { reach, take }: Between) {
    this.#world = world;
    this.#reach = reach;
    this.#take = take;
  }

  /** The way of one run of a node into the network; it takes the place of an earlier run's. */
  join(id: NodeId, alive: () => boolean): DocumentNetwork {
    return {
      attach: (handlers) => void this.#members.set(id, { handlers, alive }),
      publish: (update) => {
        const peers = [...this.#members].filter(([peer, member]) =>
          peer !== id && member.alive() && this.#reach(id, peer)
        );
        for (const [peer, member] of peers) {
          const bytes = update.slice();
          this.#deliver(id, peer, member, () => member.handlers.update(bytes));
        }
        return Promise.resolve(peers.length);
      },
      open: (peer) => {
        const member = this.#members.get(peer);
        if (member === undefined || !member.alive() || !this.#reach(id, peer)) {
          return Promise.reject(new Error(`no connection to ${peer}`));
        }
        const [near, far] = this.#stream(
          { id, alive },
          { id: peer, alive: member.alive },
        );
        void member.handlers.serve(far).catch((error) => far.abort(String(error)));
        return Promise.resolve(near);
      },
    };
  }

  #deliver(
    from: NodeId,
    to: NodeId,
    { alive }: { readonly alive: () => boolean },
    work: () => void,
  ): void {
    this.#world.after(LATENCY_MS, () => {
      if (!alive() || !this.#reach(from, to)) return;
      this.#take(to, () => {
        if (alive()) work();
      });
    });
  }

  #stream(one: StreamEnd, other: StreamEnd): [Frames, Frames] {
    const toOne = new Inbox();
    const toOther = new Inbox();
    const end = (own: StreamEnd, peer: StreamEnd, inbox: Inbox, outbox: Inbox): Frames => ({
      read: () => inbox.take(),
      write: (frame) => {
        const bytes = frame.slice();
        this.#deliver(own.id, peer.id, peer, () => outbox.put(bytes));
        return Promise.resolve();
      },
      close: () => {
        this.#deliver(own.id, peer.id, peer, () => outbox.put(new Error("closed")));
        return Promise.resolve();
      },
      abort: (reason) => {
        inbox.put(new Error(reason));
        this.#deliver(own.id, peer.id, peer, () => outbox.put(new Error(reason)));
      },
    });
    this.#world.after(SYNCHRONIZE_TIMEOUT_MS, () => {
      for (const inbox of [toOne, toOther]) inbox.put(new Error("took too long"));
    });
    return [end(one, other, toOne, toOther), end(other, one, toOther, toOne)];
  }
}

interface StreamEnd {
  readonly id: NodeId;
  readonly alive: () => boolean;
}

/** What has arrived at one end of a stream and was not read yet; behind an error nothing comes any more. */
class Inbox {
  readonly #frames: (Uint8Array | Error)[] = [];
  #waiting: (() => void) | undefined;

  put(frame: Uint8Array | Error): void {
    this.#frames.push(frame);
    this.#waiting?.();
  }

  async take(): Promise<Uint8Array> {
    while (this.#frames.length === 0) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    const frame = this.#frames[0];
    if (!(frame instanceof Uint8Array)) throw frame;
    this.#frames.shift();
    return frame;
  }
}
