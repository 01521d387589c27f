/**
 * Neighbours are told where a VIP is.
 */
import type { Ip } from "../../../src/core/address.ts";
import { LEARNT_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

const PUBLIC = "eth0";

/** Somebody who has a VIP for himself now. */
interface Owner {
  readonly fromMs: number;
  /** The run that tells them. */
  readonly agent: SimNode["agent"];
  /** Nodes whose neighbours must learn it: they have been on one LAN with the owner since then. */
  readonly audience: readonly SimNode[];
}

/** Neighbours send to the machine that has a VIP for itself from now on. */
export const announced: InvariantKind = {
  name: "neighbours learn who has a VIP from now on",
  watch: (play) => {
    let owners = new Map<string, Owner>();
    let rivals = new Map<string, readonly SimNode[]>();
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
            other !== node && cluster.answers(other, vip) &&
            (cluster.lan.reaches(node, other, PUBLIC) || cluster.lan.reaches(other, node, PUBLIC))
          );
          nextRivals.set(key, others);
          if (others.length > 0) continue;
          const audience = mustTell(play, node, rivals.get(key) ?? []) ? cluster.nodes : [];
          const known = owners.get(key) ?? { fromMs: nowMs, agent: node.agent, audience };
          const owner = stillHeard(play, { vip, node }, known);
          nextOwners.set(key, owner);
          const unaware = owner.audience.find(({ name }) => !knows(play, vip, { node, name }));
          if (unaware === undefined) continue;
          const lateMs = nowMs - owner.fromMs;
          play.took(`until neighbours know who has a VIP (bound ${LEARNT_MS})`, lateMs);
          if (lateMs > LEARNT_MS) {
            return `${node.name} has ${vip}, and clients beside ${unaware.name} send elsewhere`;
          }
          dueMs = Math.min(dueMs, owner.fromMs + LEARNT_MS + 1);
        }
        owners = nextOwners;
        rivals = nextRivals;
        return null;
      },
    };
  },
};

/** Whether a node whose rivals are gone must tell: they heard of each other, and the rivals let go by themselves. */
function mustTell({ cluster }: Play, node: SimNode, rivals: readonly SimNode[]): boolean {
  return rivals.every((rival) =>
    rival.awake && rival.troubles === 0 && cluster.lan.calm &&
    node.paths.every((path) => cluster.lan.joined(node, rival, path))
  );
}

/**
 * Without an agent nobody can tell; one that comes back has what it had, and one that takes its place begins anew. Who was away meanwhile may have missed it, and
 * who hears somebody else, too, whom the owner does not hear may believe either.
 */
function stillHeard(
  { cluster, world }: Play,
  { vip, node }: { readonly vip: Ip; readonly node: SimNode },
  { fromMs, agent, audience }: Owner,
): Owner {
  const anew = { fromMs: world.nowMs, agent: node.agent };
  if (!node.awake || node.troubles > 0) return { ...anew, audience: [] };
  const { lan } = cluster;
  const others = cluster.nodes.filter((other) => other !== node && cluster.answers(other, vip));
  return {
    ...(agent === node.agent ? { fromMs, agent } : anew),
    audience: audience.filter((one) =>
      lan.joined(node, one, PUBLIC) && !others.some((other) => lan.reaches(other, one, PUBLIC))
    ),
  };
}

/** Who would answer for what, plugged in or not. */
function answering({ cluster, vips }: Play): { vip: Ip; node: SimNode }[] {
  return vips.flatMap((vip) =>
    cluster.nodes.filter((node) => node.powered && node.kernel.answers(vip))
      .map((node) => ({ vip, node }))
  );
}

/** Whether clients beside a node send to the machine that has the VIP; those that would ask hear its kernel. */
function knows(
  { cluster }: Play,
  vip: Ip,
  { node, name }: { node: SimNode; name: string },
): boolean {
  const at = cluster.neighbours.whereIs(vip, name);
  return at === undefined || at === node.name;
}
