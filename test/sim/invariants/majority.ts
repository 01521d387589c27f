/**
 * `quorum majority`: no two parts of the cluster hold a VIP. See docs/trust.md, "Cut off, or the only one left".
 */
import type { Ip } from "../../../src/core/address.ts";
import { READY_MS_MAX } from "../../../src/core/timing.ts";
import { LEASE_MS, NO_MAJORITY_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { connectedParts, isHeard, isMajority, wantsMajority } from "./parts.ts";
import { Spells } from "./spells.ts";

/** Time after which what a node said to both sides, or a machine that stood still had, is over, ms. */
const OVER_MS = 2 * LEASE_MS;

/** Time after a cut in which a planned move that had begun before may still end, ms. */
const HANDOVER_MS = READY_MS_MAX + 2 * 100;

/** Who hears no majority lets go. Datagrams that are late are heard though nobody sends any more. */
export const minorityLetsGo: InvariantKind = {
  name: "who hears no majority holds nothing, where one is asked for",
  watch: (play) => {
    const few = new Spells<SimNode>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { cluster: { lan, nodes }, world: { nowMs }, servesMs } = play;
        dueMs = Infinity;
        if (!wantsMajority(play) || nowMs < servesMs) return null;
        for (const node of nodes) {
          const heard = nodes.filter((other) => other === node || touch(play, node, other));
          const phase = node.agent?.state.phase;
          const decides = isHeard(node) && phase !== "starting" && node.troubles === 0 && lan.calm;
          few.note(node, decides && !isMajority(play, heard), nowMs);
          const sinceMs = few.sinceMs(node);
          if (sinceMs === Infinity) continue;
          dueMs = Math.min(dueMs, sinceMs + NO_MAJORITY_MS + 1);
          const vip = play.vips.find((item) => node.kernel.answers(item));
          if (vip === undefined) continue;
          play.took(
            `until a node without a majority has let go (bound ${NO_MAJORITY_MS})`,
            nowMs - sinceMs,
          );
          if (nowMs - sinceMs > NO_MAJORITY_MS) return `${node.name} has ${vip} without a majority`;
        }
        return null;
      },
    };
  },
};

function touch({ cluster: { lan } }: Play, a: SimNode, b: SimNode): boolean {
  return a.paths.some((path) => lan.reaches(a, b, path) || lan.reaches(b, a, path));
}

/** Two machines that begin to have a VIP in two parts. */
export const onePartHolds: InvariantKind = {
  name: "no two parts hold a VIP, where a majority is asked for",
  watch: (play) => {
    /** Who had what together at the last look. */
    let before = new Set<string>();
    const links = new Links(play);
    const stood = new Spells<SimNode>();
    return {
      dueMs: () => Infinity,
      look: () => {
        const { cluster: { nodes }, world: { nowMs }, servesMs } = play;
        if (!wantsMajority(play) || nowMs < servesMs) return null;
        links.look();
        for (const node of nodes) {
          // Who lost its disk has forgotten whom it counts, and what stood still answers as if nothing had been.
          const excused = node.clock.stopped || node.troubles > 0 || node.forgot;
          stood.note(node, excused, nowMs);
        }
        const now = new Set<string>();
        for (const { vip, a, b } of pairs(play)) {
          const key = `${vip} ${a.name} ${b.name}`;
          now.add(key);
          const excused = [a, b].some((node) => nowMs - stood.lastMs(node, nowMs) <= OVER_MS);
          if (before.has(key) || excused || links.between(a, b)) continue;
          return `${a.name} and ${b.name}, in two parts, both have ${vip}`;
        }
        before = now;
        return null;
      },
    };
  },
};

/**
 * Who is, or just was, in one part. A node that hears two that do not hear each other passes on the claims of both, and a
 * cut in the very beat of a planned move leaves two: neither is promised.
 */
class Links {
  readonly #play: Play;
  readonly #linked = new Spells<string>();
  /** In parts in which not everybody reaches everybody. */
  readonly #loose = new Spells<string>();

  constructor(play: Play) {
    this.#play = play;
  }

  look(): void {
    const { cluster: { lan, nodes }, world: { nowMs } } = this.#play;
    const parts = connectedParts(this.#play);
    const loose = parts.filter((part) =>
      part.some((a) =>
        part.some((b) => a !== b && !a.paths.every((path) => lan.joined(a, b, path)))
      )
    );
    for (const a of nodes) {
      for (const b of nodes) {
        const has = (part: readonly SimNode[]) => part.includes(a) && part.includes(b);
        this.#linked.note(`${a.name} ${b.name}`, parts.some(has), nowMs);
        this.#loose.note(`${a.name} ${b.name}`, loose.some(has), nowMs);
      }
    }
  }

  between(a: SimNode, b: SimNode): boolean {
    const { nowMs } = this.#play.world;
    const key = `${a.name} ${b.name}`;
    return nowMs - this.#linked.lastMs(key, nowMs) <= HANDOVER_MS ||
      nowMs - this.#loose.lastMs(key, nowMs) <= OVER_MS;
  }
}

/** Any two machines that have the same VIP, plugged in or not: clients may be on either side. */
function pairs({ cluster, vips }: Play): { vip: Ip; a: SimNode; b: SimNode }[] {
  return vips.flatMap((vip) => {
    const has = cluster.nodes.filter((node) =>
      node.powered && !node.clock.stopped && node.kernel.answers(vip)
    );
    return has.flatMap((a, index) => has.slice(index + 1).map((b) => ({ vip, a, b })));
  });
}
