/**
 * No packet runs in a circle.
 */
import { serviceKey } from "../../../src/core/service.ts";
import type { InvariantKind } from "../invariant.ts";

/** A new connection cannot run in a circle between the tables of any nodes. */
export const noLoop: InvariantKind = {
  name: "no forwarding loop",
  watch: (play) => ({
    dueMs: () => Infinity,
    look: () => {
      for (const service of play.knownServices) {
        const loop = play.cluster.forwardingLoop(service);
        if (loop !== null) return `a connection of ${serviceKey(service)} can run ${loop}`;
      }
      return null;
    },
  }),
};
