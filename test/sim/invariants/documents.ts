/**
 * What operators were told is done, stays done; and everybody comes to know it.
 */
import { CONVERGED_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";

function isCalm({ world, disturbedMs, cluster }: Play): boolean {
  return world.nowMs - disturbedMs > CONVERGED_MS && cluster.lan.fair;
}

function nextLookMs({ world, disturbedMs }: Play): number {
  const dueMs = disturbedMs + CONVERGED_MS + 1;
  return dueMs > world.nowMs ? dueMs : Infinity;
}

/** Replicas that reach each other become equal. */
export const documentsConverge: InvariantKind = {
  name: "replicas of the document become equal",
  watch: (play) => ({
    dueMs: () => nextLookMs(play),
    look: () => {
      if (!isCalm(play)) return null;
      const { cluster } = play;
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

/** What was acknowledged is in every replica, unless another edit of the same thing came after it or beside it. */
export const editsSurvive: InvariantKind = {
  name: "acknowledged edits survive",
  watch: (play) => ({
    dueMs: () => nextLookMs(play),
    look: () => {
      const { lan, nodes } = play.cluster;
      // An edit may be on the other side of a cut only.
      const whole = nodes.every((a) =>
        a.awake && nodes.every((b) => a === b || lan.connected(a, b))
      );
      if (!isCalm(play) || !whole) return null;
      const [first] = nodes;
      return first === undefined ? null : play.ledger.missingIn(first.store.current());
    },
  }),
};
