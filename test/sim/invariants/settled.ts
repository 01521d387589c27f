/**
 * Which nodes are well and have been for a while, so that all others must know it: only of them anything can be asked
 * about who should hold a VIP.
 */
import { REFUSED_MS } from "../../../src/core/timing.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

/** Time after which everybody knows of a node that it is there, and of the network that it is whole, ms. */
const KNOWN_MS = 2_000;
/** The same for a kernel that refused something: the node leaves the VIP to others meanwhile. */
const TRUSTED_MS = REFUSED_MS + KNOWN_MS;

/** See the head of this file. `look` is to be called after every event. */
export class Settled {
  readonly #play: Play;
  /** Since when a node is as it is now: well, or not. */
  readonly #wellMs = new Map<SimNode, number>();
  readonly #troubledMs = new Map<SimNode, number>();
  /** Since when the network is whole; null while it is not. */
  #wholeMs: number | null = null;

  constructor(play: Play) {
    this.#play = play;
  }

  /** Notes how everything is. */
  look(): void {
    const { cluster, world: { nowMs } } = this.#play;
    for (const node of cluster.nodes) {
      if (node.troubles > 0) this.#troubledMs.set(node, nowMs);
      if (!isWell(node)) this.#wellMs.delete(node);
      else if (!this.#wellMs.has(node)) this.#wellMs.set(node, nowMs);
    }
    this.#wholeMs = this.#isWhole() ? this.#wholeMs ?? nowMs : null;
  }

  /** Whether nothing is wrong with the network, no operator has just said anything, and everybody must know that. */
  calm(): boolean {
    const { orders, world: { nowMs } } = this.#play;
    const editedMs = orders.at(-1)?.atMs ?? -Infinity;
    return this.#wholeMs !== null && nowMs - this.#wholeMs >= KNOWN_MS &&
      nowMs - editedMs >= KNOWN_MS;
  }

  /** Whether the node could hold any VIP, and everybody must know it. */
  has(node: SimNode): boolean {
    const { nowMs } = this.#play.world;
    return this.wellFor(node, KNOWN_MS) &&
      nowMs - (this.#troubledMs.get(node) ?? -Infinity) >= TRUSTED_MS;
  }

  /** Whether the node has been well for so long, ms. */
  wellFor(node: SimNode, ms: number): boolean {
    return this.#play.world.nowMs - (this.#wellMs.get(node) ?? Infinity) >= ms;
  }

  /** Machines that run reach each other on all networks. */
  #isWhole(): boolean {
    const { lan, nodes } = this.#play.cluster;
    const running = nodes.filter((node) => node.powered && !node.clock.stopped);
    return lan.calm &&
      running.every((a) =>
        running.every((b) => a === b || a.paths.every((path) => lan.joined(a, b, path)))
      );
  }
}

function isWell(node: SimNode): boolean {
  return node.awake && node.options.director !== false && node.agent?.state.phase === "running" &&
    node.paths.every((path) => node.kernel.hasCarrier(path));
}
