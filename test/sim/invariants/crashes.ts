/**
 * How long a VIP is silent when its holder loses power.
 */
import type { Ip } from "../../../src/core/address.ts";
import { wantsMajority } from "../../../src/core/cluster/quorum.ts";
import {
  GATEWAY_ASK_MS,
  GATEWAY_TOGETHER_MS,
  MISSED_PULSES_MAX,
  SLOW_PULSE_MS,
  TICK_MS,
} from "../../../src/core/timing.ts";
import { CRASH_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { Spells } from "./spells.ts";

/** Time after which a peer on the slow beat is dead, ms, and some turns of the loop. */
const SLOW_DEATH_MS = SLOW_PULSE_MS * MISSED_PULSES_MAX + 5 * TICK_MS;

/** Where all was well and nothing else happens, another answers soon when the holder loses power. */
export const takenOver: InvariantKind = {
  name: "a holder that loses power is replaced soon",
  watch: (play) => {
    const silence = new Spells<SimNode>();
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
        for (const node of cluster.nodes) silence.note(node, isSilent(node), nowMs);
        const judged = heir !== undefined && settled.calm() && !isWaitedFor(play, silence) &&
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

/** Whether the node says nothing, and nothing says that for it: an agent that is killed closes its connections. */
function isSilent({ powered, paused, clock }: SimNode): boolean {
  return !powered || paused || clock.stopped;
}

/** Whether two nodes fell silent one after the other: those that do not hold anything notice that of each other slowly. */
function isWaitedFor({ cluster, world: { nowMs } }: Play, silence: Spells<SimNode>): boolean {
  const fresh = (node: SimNode) => isSilent(node) && nowMs - silence.sinceMs(node) < SLOW_DEATH_MS;
  return cluster.nodes.filter(fresh).length > 1;
}

/** Whether the only machine that runs lost its gateway about when it lost the others: it cannot know that both are dead. */
function takesItselfForCutOff(
  { cluster, witnesses, world: { nowMs } }: Play,
  node: SimNode,
): boolean {
  const alone = cluster.nodes.every((other) => other === node || !other.powered);
  return alone && node.kernel.gateway !== null && !cluster.lan.reachesGateway(node) &&
    nowMs - witnesses.answeredMs(node) <= GATEWAY_TOGETHER_MS + GATEWAY_ASK_MS;
}
