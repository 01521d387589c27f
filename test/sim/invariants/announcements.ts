/**
 * Neighbours are told where a VIP is.
 */
import type { Ip } from "../../../src/core/address.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

/** Time a holder has to announce a VIP that has become its own, ms: the turn of its loop, and a beat to hear that a rival is gone. */
const ANNOUNCED_MS = 1_000;
/** How much earlier than the address is seen the announcement may have been made, ms. */
const EARLY_MS = 50;

/** Somebody who has a VIP for himself now. */
interface Owner {
  readonly fromMs: number;
  /** Whether it must announce: it is new, or a rival whose agent runs has let go. */
  readonly owes: boolean;
}

/** A machine that has a VIP for itself from now on announces it. */
export const announced: InvariantKind = {
  name: "who has a VIP from now on announces it",
  watch: (play) => {
    let owners = new Map<string, Owner>();
    let rivals = new Map<string, readonly SimNode[]>();
    /** Who had a VIP for himself, the last one first. */
    const had = new Map<Ip, readonly SimNode[]>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { cluster, world: { nowMs } } = play;
        const nextOwners: typeof owners = new Map();
        const nextRivals: typeof rivals = new Map();
        dueMs = Infinity;
        for (const { vip, node } of answering(play)) {
          const key = `${vip} ${node.name}`;
          const others = cluster.nodes.filter((other) =>
            other !== node && cluster.answers(other, vip) && cluster.lan.joined(node, other, "eth0")
          );
          nextRivals.set(key, others);
          if (others.length > 0) continue;
          const before = rivals.get(key) ?? [];
          // Nobody has to be told where it was and is.
          const earlier = had.get(vip) ?? [];
          const last = earlier.find((one) => one === node || cluster.lan.joined(node, one, "eth0"));
          const isNew = before.length > 0 || last !== node;
          had.set(vip, [node, ...earlier.filter((one) => one !== node)]);
          const known = owners.get(key) ??
            { fromMs: nowMs, owes: isNew && owes(play, node, before) };
          // Without an agent nobody can; one that comes back has what it had.
          const owner = isWell(node) ? known : { fromMs: nowMs, owes: false };
          nextOwners.set(key, owner);
          if (!owner.owes || told(node, vip, owner.fromMs)) continue;
          if (nowMs - owner.fromMs > ANNOUNCED_MS) return `${node.name} has not announced ${vip}`;
          dueMs = Math.min(dueMs, owner.fromMs + ANNOUNCED_MS + 1);
        }
        owners = nextOwners;
        rivals = nextRivals;
        return null;
      },
    };
  },
};

/** Whether a node whose rivals are gone must tell: they heard of each other, and the rivals let go by themselves. */
function owes({ cluster }: Play, node: SimNode, rivals: readonly SimNode[]): boolean {
  return rivals.every((rival) =>
    rival.awake && rival.troubles === 0 && cluster.lan.calm &&
    node.paths.every((path) => cluster.lan.joined(node, rival, path))
  );
}

function isWell(node: SimNode): boolean {
  return node.awake && node.troubles === 0;
}

/** Who would answer for what, plugged in or not. */
function answering({ cluster, vips }: Play): { vip: Ip; node: SimNode }[] {
  return vips.flatMap((vip) =>
    cluster.nodes.filter((node) => node.powered && node.kernel.answers(vip))
      .map((node) => ({ vip, node }))
  );
}

function told(node: SimNode, vip: Ip, fromMs: number): boolean {
  return node.announcements.some((item) => item.vip === vip && item.atMs >= fromMs - EARLY_MS);
}
