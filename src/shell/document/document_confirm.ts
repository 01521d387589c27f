/**
 * Who else has an edit on its disk: every peer that is asked is synchronized with, and answers when it has saved what
 * it got. Edits that come while a peer is asked wait for the next question, which answers all of them.
 */
import type { NodeId } from "../../core/document/document.ts";
import type { Timers } from "../process/timers.ts";

/** Longest wait for answers, ms: a person waits for it. A peer that needs longer gets the edit all the same. */
export const CONFIRM_MS_MAX = 1_000;
/** Time between two questions to one peer, ms: below the rate at which a peer is taken for broken (peer_budgets.ts). */
const PAUSE_MS = 25;
/** Peers asked at once, so that an edit in a large cluster does not keep the loop busy in one go. */
const PARALLEL_MAX = 16;

/** Asks one peer; resolves when everything that this node has is on the peer's disk, rejects when that is not known. */
export type AskPeer = (peer: NodeId) => Promise<void>;

interface Line {
  /** The last question that was begun, and the pause behind it. */
  busy: Promise<unknown>;
  /** One that is not begun yet. */
  next: Promise<void> | undefined;
}

/** See the head of this file. */
export class Confirmations {
  readonly #ask: AskPeer;
  readonly #timers: Timers;
  readonly #lines = new Map<NodeId, Line>();

  constructor(ask: AskPeer, timers: Timers) {
    this.#ask = ask;
    this.#timers = timers;
  }

  /** Which of these peers have everything on their disks that this node has now, as far as they say so in time. */
  async storedBy(peers: readonly NodeId[]): Promise<readonly NodeId[]> {
    const confirmed = new Set<NodeId>();
    const waiting = [...peers];
    let late = false;
    const work = async () => {
      for (let peer = waiting.shift(); peer !== undefined && !late; peer = waiting.shift()) {
        const asked = peer;
        await this.#confirm(asked).then(() => void confirmed.add(asked), () => {});
      }
    };
    const workers = Promise.all(Array.from({ length: PARALLEL_MAX }, work));
    const time = Promise.withResolvers<void>();
    const cancel = this.#timers.after(CONFIRM_MS_MAX, time.resolve);
    await Promise.race([workers, time.promise]);
    late = true;
    cancel();
    return peers.filter((peer) => confirmed.has(peer));
  }

  #confirm(peer: NodeId): Promise<void> {
    const line = this.#lines.get(peer) ?? { busy: Promise.resolve(), next: undefined };
    this.#lines.set(peer, line);
    return line.next ??= line.busy.then(() => {
      line.next = undefined;
      const asked = this.#ask(peer);
      line.busy = asked.catch(() => {}).then(() => this.#pause());
      return asked;
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#timers.after(PAUSE_MS, resolve));
  }
}
