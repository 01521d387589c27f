/**
 * A node whose gateway witness says that it is cut off lets go of its VIPs: see the table in docs/trust.md, "Cut off, or the
 * only one left".
 */
import { vipsOf } from "../../../src/core/document/document.ts";
import { CUT_OFF_MS, CUT_PUBLIC_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { Spells } from "./spells.ts";

const PUBLIC = "eth0";
/**
 * Time between the last answers of gateway and nodes, ms, for which they surely count as silent together: the core takes
 * five seconds, but questions and slow beats come once in a second.
 */
const TOGETHER_MS = 3_000;

/** Neither its gateway nor any node is heard: it lets go within the bound. */
export const aloneLetsGo: InvariantKind = {
  name: "a node that is cut off from everybody lets its VIPs go",
  watch: (play) => {
    const { cluster, world, witnesses } = play;
    const alone = new Spells<SimNode>();
    // By run: one that has just started does not know whom an earlier one heard.
    const company = new Spells<SimNode["agent"]>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { nowMs } = world;
        dueMs = Infinity;
        if (!witnesses.exist) return null;
        for (const node of cluster.nodes) {
          const { agent } = node;
          company.note(agent, hearsSomebody(play, node), nowMs);
          const apartMs = Math.abs(witnesses.answeredMs(node) - company.lastMs(agent, nowMs));
          alone.note(node, isWitnessed(play, node) && isAlone(play, node), nowMs);
          const forMs = nowMs - alone.sinceMs(node);
          if (forMs < 0 || !(apartMs <= TOGETHER_MS)) continue;
          dueMs = Math.min(dueMs, alone.sinceMs(node) + CUT_OFF_MS + 1);
          const vip = heldBy(play, node);
          if (vip === null) continue;
          play.took(`until a node that is cut off has let go (bound ${CUT_OFF_MS})`, forMs);
          if (forMs <= CUT_OFF_MS) continue;
          return `${node.name} hears neither its gateway nor any node, and has ${vip}`;
        }
        return null;
      },
    };
  },
};

/** Its gateway answers a director that could hold the VIP, and not the holder: that lets go within the bound. */
export const publicCutLetsGo: InvariantKind = {
  name: "a VIP leaves a node that lost its public network",
  watch: (play) => {
    const { cluster, world } = play;
    const cut = new Spells<string>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { nowMs } = world;
        dueMs = Infinity;
        if (!play.witnesses.exist) return null;
        for (const holder of cluster.nodes) {
          for (const better of cluster.nodes) {
            const key = `${holder.name} ${better.name}`;
            cut.note(key, isWitnessed(play, holder) && isBetter(play, { holder, better }), nowMs);
            const forMs = nowMs - cut.sinceMs(key);
            if (forMs < 0) continue;
            dueMs = Math.min(dueMs, cut.sinceMs(key) + CUT_PUBLIC_MS + 1);
            const vip = heldBy(play, holder);
            if (vip === null) continue;
            play.took(`until a VIP has left a lost public network (bound ${CUT_PUBLIC_MS})`, forMs);
            if (forMs <= CUT_PUBLIC_MS) continue;
            return `${holder.name} has ${vip}, and its gateway answers ${better.name} only`;
          }
        }
        return null;
      },
    };
  },
};

/** Whether the node has a witness that counts and is silent, and nothing else is wrong with it. */
function isWitnessed({ cluster: { lan } }: Play, node: SimNode): boolean {
  return node.awake && node.troubles === 0 && lan.fair && node.answeredRun === node.run &&
    !lan.reachesGateway(node);
}

function hearsSomebody({ cluster: { lan, nodes } }: Play, node: SimNode): boolean {
  return nodes.some((other) =>
    other !== node && other.awake && other.agent?.state.phase === "running" &&
    lan.reaches(other, node, PUBLIC)
  );
}

function isAlone({ cluster: { lan, nodes } }: Play, node: SimNode): boolean {
  return nodes.every((other) =>
    other === node || node.paths.every((path) => !lan.reaches(other, node, path))
  );
}

function isBetter(
  { cluster: { lan }, settled, witnesses }: Play,
  { holder, better }: { readonly holder: SimNode; readonly better: SimNode },
): boolean {
  return settled.has(better) && witnesses.sight(better) === "answers" &&
    lan.connected(holder, better);
}

/** A VIP that everybody knows and this machine has. */
function heldBy({ cluster, vips }: Play, node: SimNode): string | null {
  const known = cluster.nodes.map(({ store }) => vipsOf(store.current()));
  return vips.find((vip) =>
    node.kernel.answers(vip) && known.every((list) => list.includes(vip))
  ) ??
    null;
}
