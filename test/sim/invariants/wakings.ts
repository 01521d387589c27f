/**
 * Agents that stood still.
 */
import type { Ip } from "../../../src/core/address.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

/** Time after which an agent that goes on may know enough to take a VIP, ms: shorter than the LAN takes to be asked. */
const LOOKS_MS = 60;

/** An agent that stands still, or did just now. */
interface Sleeper {
  readonly run: number;
  /** VIPs its machine had when it stopped. */
  readonly had: readonly Ip[];
  /** Those of them whose lease ended meanwhile. */
  readonly lost: readonly Ip[];
  /** When it went on; Infinity while it has not. */
  readonly wokeMs: number;
}

/** What an agent lost while it stood still, and another has, it does not put back before it has looked around. */
export const wakesEmpty: InvariantKind = {
  name: "an agent that stood still takes no VIP back that another has",
  watch: (play) => {
    const sleepers = new Map<SimNode, Sleeper>();
    return {
      dueMs: () => Infinity,
      look: () => {
        const { nowMs } = play.world;
        for (const node of play.cluster.nodes) {
          const sleeper = follow(play, node, sleepers.get(node));
          if (sleeper === null || nowMs - sleeper.wokeMs > LOOKS_MS) {
            sleepers.delete(node);
            continue;
          }
          sleepers.set(node, sleeper);
          const wrong = takenBack(play, node, sleeper);
          if (wrong !== null) return wrong;
        }
        return null;
      },
    };
  },
};

function follow(
  { knownVips, world }: Play,
  node: SimNode,
  before: Sleeper | undefined,
): Sleeper | null {
  if (before !== undefined && before.run !== node.run) return null;
  if (before === undefined && !node.paused) return null;
  const wokeMs = node.paused ? Infinity : Math.min(before?.wokeMs ?? Infinity, world.nowMs);
  if (before !== undefined && wokeMs < Infinity) return { ...before, wokeMs };
  const has = knownVips.filter((vip) => node.kernel.answers(vip));
  const had = before?.had ?? has;
  return { run: node.run, had, lost: had.filter((vip) => !has.includes(vip)), wokeMs };
}

function takenBack({ cluster }: Play, node: SimNode, { lost }: Sleeper): string | null {
  // Somebody else may have given it the address.
  if (!node.awake || node.troubles > 0) return null;
  for (const vip of lost) {
    if (!cluster.answers(node, vip)) continue;
    const other = cluster.nodes.find((item) =>
      item !== node && cluster.answers(item, vip) && cluster.lan.joined(node, item, "eth0")
    );
    if (other !== undefined) {
      return `${node.name} goes on and takes ${vip}, which ${other.name} has`;
    }
  }
  return null;
}
