/**
 * Which nodes are well and have been for a while, so that all others must know it: only of them anything can be asked
 * about who should hold a VIP.
 */
import { REFUSED_MS } from "../../../src/core/timing.ts";
import { MAJORITY_MS } from "../bounds.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { isDirector, isMajority, wantsMajority } from "./parts.ts";
import { Spells } from "./spells.ts";

/** Time after which everybody knows of a node that it is there, and of the network that it is whole, ms. */
const KNOWN_MS = 2_000;
/** The same for a kernel that refused something: the node leaves the VIP to others meanwhile. */
const TRUSTED_MS = REFUSED_MS + KNOWN_MS;

/** See the head of this file. The play calls `look` before it asks the invariants. */
export class Settled {
  readonly #play: Play;
  readonly #well = new Spells<SimNode>();
  readonly #troubled = new Spells<SimNode>();
  /** Of the network, and of how many agents run. */
  readonly #whole = new Spells<Play>();
  readonly #many = new Spells<Play>();

  constructor(play: Play) {
    this.#play = play;
  }

  /** Notes how everything is. */
  look(): void {
    const { cluster, world: { nowMs } } = this.#play;
    for (const node of cluster.nodes) {
      this.#troubled.note(node, node.troubles > 0, nowMs);
      this.#well.note(node, isWell(node), nowMs);
    }
    this.#whole.note(this.#play, this.#isWhole(), nowMs);
    this.#many.note(this.#play, isMajority(this.#play, cluster.nodes), nowMs);
  }

  /**
   * Whether nothing is wrong with the network, no operator has just said anything, there is a majority where one is asked
   * for, and everybody must know that.
   */
  calm(): boolean {
    const { orders, world: { nowMs } } = this.#play;
    const editedMs = orders.at(-1)?.atMs ?? -Infinity;
    const manyMs = nowMs - this.#many.sinceMs(this.#play);
    return nowMs - this.#whole.sinceMs(this.#play) >= KNOWN_MS &&
      nowMs - editedMs >= KNOWN_MS && (!wantsMajority(this.#play) || manyMs >= MAJORITY_MS);
  }

  /** Whether the node could hold any VIP, and everybody must know it. */
  has(node: SimNode): boolean {
    const { nowMs } = this.#play.world;
    return this.wellFor(node, KNOWN_MS) && !this.#play.witnesses.contrasted(node) &&
      nowMs - this.troubledMs(node) >= TRUSTED_MS;
  }

  /** When the node's kernel last refused something, ms; -Infinity: never. */
  troubledMs(node: SimNode): number {
    return this.#troubled.lastMs(node, this.#play.world.nowMs);
  }

  /** Whether the node has been well for so long, ms. */
  wellFor(node: SimNode, ms: number): boolean {
    return this.#play.world.nowMs - this.#well.sinceMs(node) >= ms;
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
  return isDirector(node) &&
    node.paths.every((path) => node.kernel.hasCarrier(path));
}
