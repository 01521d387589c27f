/**
 * What the gateway witness of every node is worth, as far as the world goes: docs/trust.md, "Cut off, or the only one left".
 */
import {
  GATEWAY_ASK_MS,
  GATEWAY_FALL_ASKS,
  GATEWAY_FAST_MS,
  GATEWAY_RISE_MS,
} from "../../../src/core/timing.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { Spells } from "./spells.ts";

/** Time after which a silence of the gateway is known for sure, ms: the next question, and those that follow. */
const NOTICED_MS = GATEWAY_ASK_MS + GATEWAY_FALL_ASKS * GATEWAY_FAST_MS + 500;
/** Time after which a gateway that was silent counts again for sure, ms. */
const COUNTS_AGAIN_MS = GATEWAY_RISE_MS + NOTICED_MS;

/** `none`: it does not count, for it has not answered this run of the agent. `unclear`: it changed just now. */
export type WitnessSight = "none" | "answers" | "silent" | "unclear";

/** See the head of this file. The play calls `look` before it asks the invariants. */
export class Witnesses {
  readonly #play: Play;
  readonly #answers = new Spells<SimNode>();
  readonly #silence = new Spells<SimNode>();
  /** It answers others. */
  readonly #contrast = new Spells<SimNode>();
  /** Whether any node has one. */
  readonly exist: boolean;

  constructor(play: Play) {
    this.#play = play;
    this.exist = play.plan.shape.nodes.some(({ gateway }) => gateway === true);
  }

  /** Notes how everything is. */
  look(): void {
    if (!this.exist) return;
    const { cluster: { lan, nodes }, world: { nowMs } } = this.#play;
    const some = nodes.some((node) => lan.reachesGateway(node));
    for (const node of nodes) {
      const answers = lan.reachesGateway(node);
      this.#answers.note(node, answers, nowMs);
      // Who stands still while it watches a gateway that answers again watches it anew.
      const watches = nowMs - this.#silence.lastMs(node, nowMs) < COUNTS_AGAIN_MS;
      this.#silence.note(node, !answers || (watches && !node.awake), nowMs);
      this.#contrast.note(node, !answers && some, nowMs);
    }
  }

  /** When the gateway last answered the node, ms; -Infinity: never. */
  answeredMs(node: SimNode): number {
    return this.#answers.lastMs(node, this.#play.world.nowMs);
  }

  /** What the node must know of its witness. */
  sight(node: SimNode): WitnessSight {
    if (node.answeredRun !== node.run) return "none";
    if (this.#isUnclear(node, 0)) return "unclear";
    return this.#play.cluster.lan.reachesGateway(node) ? "answers" : "silent";
  }

  /** Whether a witness began or ceased to count for any node in the last `ms`: VIPs may move for it. */
  changedIn(ms: number): boolean {
    return this.exist && this.#play.cluster.nodes.some((node) => this.#isUnclear(node, ms));
  }

  /** Whether it changed so lately that the node need not know it yet, or did so `agoMs` ago. */
  #isUnclear(node: SimNode, agoMs: number): boolean {
    const { world: { nowMs }, cluster: { lan } } = this.#play;
    const answers = lan.reachesGateway(node);
    const other = answers ? this.#silence : this.#answers;
    const sureMs = answers ? COUNTS_AGAIN_MS : NOTICED_MS;
    return nowMs - other.lastMs(node, nowMs) < sureMs + agoMs;
  }

  /** Whether the gateway lately answered others, but not this node: it may be unfit by that. */
  contrasted(node: SimNode): boolean {
    const { nowMs } = this.#play.world;
    return node.kernel.gateway !== null &&
      nowMs - this.#contrast.lastMs(node, nowMs) < COUNTS_AGAIN_MS;
  }
}
