/**
 * How long a VIP is silent when its holder loses power.
 */
import type { Ip } from "../../../src/core/address.ts";
import { wantsMajority } from "../../../src/core/cluster/quorum.ts";
import { GATEWAY_ASK_MS, GATEWAY_TOGETHER_MS } from "../../../src/core/timing.ts";
import { CRASH_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

/** Where all was well and nothing else happens, another answers soon when the holder loses power. */
export const takenOver: InvariantKind = {
  name: "a holder that loses power is replaced soon",
  watch: (play) => {
    /** Who answered at the last look. */
    const holders = new Map<Ip, readonly SimNode[]>();
    /** Since when nobody answers, where that is to be judged. */
    const silent = new Map<Ip, number>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { cluster, disturbedMs, settled, vips, world: { nowMs } } = play;
        dueMs = Infinity;
        const heir = cluster.nodes.find((node) => settled.has(node));
        const judged = heir !== undefined && settled.calm() &&
          !wantsMajority(heir.agent!.state) && !takesItselfForCutOff(play, heir);
        for (const vip of vips) {
          const before = holders.get(vip) ?? [];
          const now = cluster.nodes.filter((node) => cluster.answers(node, vip));
          holders.set(vip, now);
          const [last] = before;
          if (judged && now.length === 0 && before.length === 1 && last?.powered === false) {
            silent.set(vip, nowMs);
          }
          const fromMs = silent.get(vip);
          if (fromMs === undefined) continue;
          if (now.length > 0 || !judged || disturbedMs > fromMs) {
            silent.delete(vip);
            continue;
          }
          play.took(`until a holder without power is replaced (bound ${CRASH_MS})`, nowMs - fromMs);
          if (nowMs - fromMs > CRASH_MS) return `nobody answers for ${vip}, and ${heir.name} could`;
          dueMs = Math.min(dueMs, fromMs + CRASH_MS + 1);
        }
        return null;
      },
    };
  },
};

/** Whether the only machine that runs lost its gateway about when it lost the others: it cannot know that both are dead. */
function takesItselfForCutOff(
  { cluster, witnesses, world: { nowMs } }: Play,
  node: SimNode,
): boolean {
  const alone = cluster.nodes.every((other) => other === node || !other.powered);
  return alone && node.kernel.gateway !== null && !cluster.lan.reachesGateway(node) &&
    nowMs - witnesses.answeredMs(node) <= GATEWAY_TOGETHER_MS + GATEWAY_ASK_MS;
}
