/**
 * The connections that gossip and the document travel on. Unlike a datagram they do not pass at once when a cable is back:
 * TCP sends again after a pause that has grown, or the connection is gone and dialled anew.
 */
import type { Lan } from "./lan.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** Longest time until two agents that have started have dialled, identified each other and subscribed, ms. */
const DIALLED_MS = 700;
/**
 * Longest time after an outage until something passes again, ms: a pause between retransmissions is as long as the outage
 * before it at most, and whoever is heard again is dialled within a second.
 */
export const RESUMED_MS = 1_500;

interface Link {
  /** Of which runs of the two agents it is. */
  runs: string;
  /** Whether what one sends reaches the other, and since when not. */
  joined: boolean;
  cutMs: number;
  /** From when on something passes, if they are joined. */
  readyMs: number;
  open: boolean;
}

/** See the head of this file. A link is looked at when it is asked for, which every turn of an agent does. */
export class StreamLinks {
  readonly #world: World;
  readonly #lan: Lan;
  readonly #links = new Map<string, Link>();
  readonly #onOpen: (a: SimNode, b: SimNode) => void;

  /** `onOpen`: something passes from now on. */
  constructor(world: World, lan: Lan, onOpen: (a: SimNode, b: SimNode) => void) {
    this.#world = world;
    this.#lan = lan;
    this.#onOpen = onOpen;
  }

  /** Whether something passes between the two now. */
  passes(a: SimNode, b: SimNode): boolean {
    const [first, second] = a.id < b.id ? [a, b] : [b, a];
    const link = this.#linkOf(first, second);
    const { nowMs } = this.#world;
    const joined = a.agent !== null && b.agent !== null && this.#lan.connected(a, b);
    if (!joined && link.joined) link.cutMs = nowMs;
    if (joined && !link.joined) {
      link.readyMs = Math.max(
        link.readyMs,
        nowMs + this.#within(Math.min(nowMs - link.cutMs, RESUMED_MS)),
      );
    }
    link.joined = joined;
    const before = link.open;
    link.open = joined && nowMs >= link.readyMs;
    if (link.open && !before) this.#onOpen(first, second);
    return link.open;
  }

  #linkOf(a: SimNode, b: SimNode): Link {
    const key = `${a.id} ${b.id}`;
    const runs = `${a.run} ${b.run}`;
    const known = this.#links.get(key);
    if (known?.runs === runs) return known;
    const { nowMs } = this.#world;
    const link = {
      runs,
      joined: true,
      cutMs: nowMs,
      readyMs: nowMs + this.#within(DIALLED_MS),
      open: false,
    };
    this.#links.set(key, link);
    return link;
  }

  #within(ms: number): number {
    return this.#world.random() * ms;
  }

  /** Whom a node's gossip reaches and through how many connections: peers pass it on. */
  audience(from: SimNode, nodes: readonly SimNode[]): Map<SimNode, number> {
    const hops = new Map<SimNode, number>([[from, 0]]);
    for (const [node, count] of hops) {
      for (const other of nodes) {
        if (hops.has(other) || !other.awake || !this.passes(node, other)) continue;
        hops.set(other, count + 1);
      }
    }
    hops.delete(from);
    return hops;
  }
}
