/**
 * VIPs of one group stay together.
 */
import { vipsOf } from "../../../src/core/document/document.ts";
import { groupOf } from "../../../src/core/document/vip.ts";
import { ONE_HOLDER_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";

/** Once nothing new has happened for long enough, the VIPs of a group have one holder. */
export const together: InvariantKind = {
  name: "the VIPs of a group are held by one node",
  watch: (play) => {
    return {
      dueMs: () => {
        const dueMs = play.disturbedMs + ONE_HOLDER_MS + 1;
        return dueMs > play.world.nowMs ? dueMs : Infinity;
      },
      look: () => {
        const { cluster, settled, world } = play;
        if (world.nowMs - play.disturbedMs <= ONE_HOLDER_MS || !settled.calm()) return null;
        const node = cluster.nodes.find((item) => settled.has(item));
        if (node === undefined) return null;
        const document = node.store.current();
        for (const vip of vipsOf(document)) {
          const holders = new Set(
            groupOf(vip, document.vips).map((one) => cluster.answering(one).join()),
          );
          if (holders.size > 1) return `${[...holders].join(" and ")} have parts of ${vip}'s group`;
        }
        return null;
      },
    };
  },
};
