/**
 * What operators were told is done, stays done; and everybody comes to know it.
 */
import { CONVERGED_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";

/** Replicas that reach each other become equal. */
export const documentsConverge: InvariantKind = {
  name: "replicas of the document become equal",
  watch: (play) => ({
    dueMs: () => {
      const dueMs = play.disturbedMs + CONVERGED_MS + 1;
      return dueMs > play.world.nowMs ? dueMs : Infinity;
    },
    look: () => {
      const { cluster, world } = play;
      if (world.nowMs - play.disturbedMs <= CONVERGED_MS || !cluster.lan.calm) return null;
      for (const a of cluster.nodes) {
        for (const b of cluster.nodes) {
          if (a === b || !a.awake || !b.awake || !cluster.lan.connected(a, b)) continue;
          if (a.store.digest() !== b.store.digest()) {
            return `${a.name} and ${b.name} have different documents`;
          }
        }
      }
      return null;
    },
  }),
};
