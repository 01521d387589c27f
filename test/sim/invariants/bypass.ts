/**
 * Whose table looks at packets.
 */
import { vipsOf } from "../../../src/core/document/document.ts";
import { LINGER_MS } from "../../../src/core/timing.ts";
import type { InvariantKind } from "../invariant.ts";
import type { SimNode } from "../sim_node.ts";

/** Time a table goes on after its node let a VIP go, ms: until it is local, while neighbours learn, and a second for the turns. */
const BYPASSED_MS = 1_000 + LINGER_MS + 1_000;
/** Time a holder has to balance, ms: its switch is set before its address, and somebody may meddle with either. */
const BALANCES_MS = 1_500;

/** Who holds a VIP balances; who holds none passes every packet untouched, however full its table is. */
export const bypassed: InvariantKind = {
  name: "holders balance, and standbys pass packets untouched",
  watch: (play) => {
    /** Since when a node holds something, or nothing. */
    const since = new Map<SimNode, { readonly holds: boolean; readonly fromMs: number }>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { nowMs } = play.world;
        dueMs = Infinity;
        for (const node of play.cluster.nodes) {
          const holds = play.knownVips.some((vip) => node.powered && node.kernel.answers(vip));
          const known = since.get(node);
          const same = isWell(node) && known?.holds === holds;
          const fromMs = same ? known.fromMs : nowMs;
          since.set(node, { holds, fromMs });
          if (!isWell(node) || node.kernel.balances() === holds) continue;
          const untilMs = Math.max(fromMs, play.disturbedMs) + (holds ? BALANCES_MS : BYPASSED_MS);
          dueMs = Math.min(dueMs, untilMs + 1);
          if (nowMs <= untilMs) continue;
          return `${node.name} ${
            holds ? "holds a VIP and balances nothing" : "holds nothing and balances"
          }`;
        }
        return null;
      },
    };
  },
};

/** Whether the agent can do what it wants, and has something to do. */
function isWell(node: SimNode): boolean {
  return node.awake && node.troubles === 0 && node.options.director !== false &&
    node.agent?.state.phase === "running" && vipsOf(node.store.current()).length > 0;
}
