/**
 * Established connections are not cut.
 */
import type { InvariantKind } from "../invariant.ts";

/** No server is taken out of a table under a connection. */
export const noConnectionCut: InvariantKind = {
  name: "no established connection is cut",
  watch: (play) => ({
    dueMs: () => Infinity,
    look: () => {
      for (const { name, kernel } of play.cluster.nodes) {
        if (kernel.cut.length > 0) return `${name} cut ${kernel.cut.join(", ")}`;
      }
      return null;
    },
  }),
};
