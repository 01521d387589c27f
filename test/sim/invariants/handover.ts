/**
 * VIPs change hands for a reason, in the order that operators gave, and without a silent moment where it was planned.
 */
import type { Ip } from "../../../src/core/address.ts";
import { leaderOf } from "../../../src/core/document/vip.ts";
import type { Invariant, InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { Spells } from "./spells.ts";

/** Time for which a machine counts as one that has just had a VIP, ms: it may take it back, or is getting rid of it. */
const RECENT_MS = 6_000;

/** Time after which what an agent said before it hung has arrived, ms. */
const HUNG_MS = 100;
const PUBLIC = "eth0";

/** Time a node has to have been well for what it does to be its own decision, ms. */
const AWAKE_MS = 1_000;

/** A machine that begins to answer for a VIP that it had not lately. */
interface Takeover {
  readonly vip: Ip;
  readonly by: SimNode;
  /** Machines that answered just before. */
  readonly from: readonly SimNode[];
}

/** Watches who begins and who ends to answer for VIPs. */
class Handovers {
  readonly play: Play;
  readonly #answering = new Map<Ip, readonly SimNode[]>();
  readonly #answeredMs = new Map<string, number>();

  constructor(play: Play) {
    this.play = play;
  }

  /** Whether the machine answers for the VIP, or did just now. */
  hadLately(vip: Ip, node: SimNode): boolean {
    const lastMs = this.#answeredMs.get(`${vip} ${node.name}`) ?? -Infinity;
    return this.play.world.nowMs - lastMs < RECENT_MS;
  }

  /** What has begun since the last look; `gone` is told of machines that ended, and left nobody. */
  look(gone: (vip: Ip, node: SimNode) => string | null): Takeover[] | string {
    const { cluster, vips, world: { nowMs } } = this.play;
    const takeovers: Takeover[] = [];
    for (const vip of vips) {
      const before = this.#answering.get(vip) ?? [];
      const now = cluster.nodes.filter((node) => cluster.answers(node, vip));
      this.#answering.set(vip, now);
      for (const by of now) {
        if (!before.includes(by) && !this.hadLately(vip, by)) {
          takeovers.push({ vip, by, from: before });
        }
      }
      for (const node of now) this.#answeredMs.set(`${vip} ${node.name}`, nowMs);
      if (now.length > 0) continue;
      for (const node of before) {
        const wrong = gone(vip, node);
        if (wrong !== null) return wrong;
      }
    }
    return takeovers;
  }
}

function watching(
  play: Play,
  judge: (handovers: Handovers, takeover: Takeover) => string | null,
): Invariant {
  const handovers = new Handovers(play);
  return {
    dueMs: () => Infinity,
    look: () => {
      const found = handovers.look(() => null);
      if (typeof found === "string") return found;
      for (const takeover of found) {
        const wrong = judge(handovers, takeover);
        if (wrong !== null) return wrong;
      }
      return null;
    },
  };
}

/** A VIP is taken over by the node that operators want most: not drained, preferred, of the highest priority. */
export const inOrder: InvariantKind = {
  name: "a VIP is taken over by the node that should have it",
  watch: (play) =>
    watching(play, (handovers, { vip, by }) => {
      const document = by.store.current();
      const moved = document.moves.get(vip)?.to === by.id;
      const grouped = leaderOf(vip, document.vips) !== vip;
      if (moved || grouped || !play.settled.calm() || !play.settled.has(by)) return null;
      const better = play.cluster.nodes.find((node) =>
        node !== by && play.settled.has(node) && isWitnessed(play, node) &&
        node.store.digest() === by.store.digest() &&
        !handovers.hadLately(vip, node) && compare(rank(by, vip, node), rank(by, vip, by)) < 0
      );
      return better === undefined ? null : `${by.name} takes ${vip}, and ${better.name} should`;
    }),
};

/** Whether nobody has a better gateway witness: one that was silent counts again only after a while. */
function isWitnessed({ witnesses }: Play, node: SimNode): boolean {
  return ["none", "answers"].includes(witnesses.sight(node));
}

/** Place of a node in the order, as one node's document has it: smaller is better. */
function rank(at: SimNode, vip: Ip, { id, options }: SimNode): number[] {
  const { drains, vips } = at.store.current();
  const drain = drains.get(`*|${id}`);
  const prefer = vips.get(vip)?.prefer ?? [];
  return [
    drain?.on === true && !drain.keepVips ? 1 : 0,
    prefer.includes(id) ? prefer.indexOf(id) : prefer.length,
    -(options.priority ?? 100),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, place) => value !== b[place]);
  return index < 0 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

/** A VIP leaves a holder that is well only when an operator wanted it: once for each order. */
export const forAReason: InvariantKind = {
  name: "a VIP leaves a holder that is well only if operators want it",
  watch: (play) => {
    const used = new Map<string, number>();
    return watching(play, (_, { vip, by, from }) => {
      const holder = from.find((node) => play.settled.has(node));
      if (holder === undefined || by.troubles > 0 || !play.settled.calm()) return null;
      // A machine that goes on after it stood still has what it had.
      if (!play.settled.wellFor(by, AWAKE_MS)) return null;
      const { vips, drains } = by.store.current();
      const entry = vips.get(vip);
      const wanted = entry?.group !== undefined && entry.group !== null ||
        entry !== undefined && entry.failbackS !== null || drains.size > 0;
      if (wanted) return null;
      const key = `${vip} ${by.id}`;
      const orders = play.orders.filter(({ edit }) =>
        edit.kind === "putMove" && edit.move.vip === vip && edit.move.to === by.id
      );
      used.set(key, (used.get(key) ?? 0) + 1);
      if ((used.get(key) ?? 0) <= orders.length) return null;
      return `${by.name} takes ${vip} from ${holder.name}, which is well, and nobody ordered it`;
    });
  },
};

/** The LAN is asked before a VIP is taken from a machine whose agent stands still: its kernel answers until the lease ends. */
export const notWhileAnswered: InvariantKind = {
  name: "no VIP is taken while the kernel of a hung agent answers for it",
  watch: (play) => {
    const { cluster, world } = play;
    const hung = new Spells<SimNode>();
    /** Questions that a take has followed: the next one needs others. */
    const spent = new WeakSet<object>();
    const isHanging = (node: SimNode, vip: Ip) => {
      // A handover that had begun goes on: its holder had invited the successor.
      const hold = node.agent?.state.holds.get(vip);
      return world.nowMs - hung.sinceMs(node) >= HUNG_MS && hold?.funnelMs === null;
    };
    const watched = watching(play, (_, { vip, by }) => {
      const question = by.questions.get(vip);
      // Null: it has not asked before this take, or not where anybody hears it.
      const heardBy = question === undefined || spent.has(question) ? null : question.heardBy;
      if (question !== undefined) spent.add(question);
      if (!by.awake || by.troubles > 0 || !cluster.lan.calm) return null;
      const other = cluster.nodes.find((node) =>
        node !== by && isHanging(node, vip) && cluster.answers(node, vip) &&
        cluster.lan.joined(by, node, PUBLIC) && heardBy?.includes(node) !== false
      );
      return other === undefined
        ? null
        : `${by.name} takes ${vip}, for which ${other.name} answers, whose agent stands still`;
    });
    return {
      ...watched,
      look: () => {
        for (const node of cluster.nodes) {
          hung.note(node, node.powered && node.agent !== null && !node.awake, world.nowMs);
        }
        return watched.look();
      },
    };
  },
};

/** A holder that is asked to end lets its VIPs go when somebody else has them. */
export const handedOver: InvariantKind = {
  name: "a planned end leaves no VIP silent",
  watch: (play) => {
    const handovers = new Handovers(play);
    return {
      dueMs: () => Infinity,
      look: () => {
        const found = handovers.look((vip, node) => {
          const taken = play.takenMs.get(`${vip} ${node.name}`) === play.world.nowMs;
          const leaves = node.awake && node.troubles === 0 && !taken &&
            ["leaving", "stopped"].includes(node.agent?.state.phase ?? "");
          if (!leaves || !play.settled.calm()) return null;
          // One that is cut off meanwhile lets go at once, as does one that stood still and must hear a majority.
          const stoodStill = play.world.nowMs - node.resumedMs < AWAKE_MS;
          if (play.witnesses.contrasted(node) || stoodStill) return null;
          const heir = play.cluster.nodes.find((other) =>
            other !== node && play.settled.has(other)
          );
          return heir === undefined
            ? null
            : `${node.name} ends and lets ${vip} go, and ${heir.name} has not got it yet`;
        });
        return typeof found === "string" ? found : null;
      },
    };
  },
};
