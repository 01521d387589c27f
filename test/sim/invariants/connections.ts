/**
 * Established connections are not cut.
 */
import { serviceKey } from "../../../src/core/service/service.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import { hasFallback } from "./last_resort.ts";

/** Schedulers that refuse clients whose server has weight 0: a fallback replaces the servers. docs/services.md says so. */
const HASHED = ["sh", "dh"];

/** No server is taken out of a table under a connection. */
export const noConnectionCut: InvariantKind = {
  name: "no established connection is cut",
  watch: (play) => ({
    dueMs: () => Infinity,
    look: () => {
      for (const { name, kernel } of play.cluster.nodes) {
        const cut = kernel.cut.filter((text) => !isReplaced(play, text));
        if (cut.length > 0) return `${name} cut ${cut.join(", ")}`;
      }
      return null;
    },
  }),
};

/** `text`: see SimKernel.cut. */
function isReplaced({ knownServices }: Play, text: string): boolean {
  const [, key, , scheduler = ""] = text.split(" ");
  return HASHED.includes(scheduler) &&
    knownServices.some((service) => serviceKey(service) === key && hasFallback(service));
}
