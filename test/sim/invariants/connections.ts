/**
 * Established connections are not cut.
 */
import { serviceKey } from "../../../src/core/service/service.ts";
import { SYNC_MS } from "../clients.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Cut } from "../kernel.ts";
import type { Play } from "../play.ts";
import { hasFallback } from "./last_resort.ts";

/** Schedulers that refuse clients whose server has weight 0: a fallback replaces the servers. docs/services.md says so. */
const HASHED = ["sh", "dh"];

/** Time after which all machines have drained a server that one has, if they do so at all, ms. */
const AGREED_MS = 1_000;

/** No server is taken out of a table under a connection. */
export const noConnectionCut: InvariantKind = {
  name: "no established connection is cut",
  watch: (play) => ({
    dueMs: () => Infinity,
    look: () => {
      for (const { name, kernel } of play.cluster.nodes) {
        const cut = kernel.cut.find((one) => !isReplaced(play, one) && !isUntold(one));
        if (cut !== undefined) return `${name} cut ${cut.key} ${cut.endpoint} ${cut.scheduler}`;
      }
      return null;
    },
  }),
};

function isReplaced({ knownServices }: Play, { key, scheduler }: Cut): boolean {
  return HASHED.includes(scheduler) &&
    knownServices.some((service) => serviceKey(service) === key && hasFallback(service));
}

/**
 * Whether another machine made it just before this one asked for the change: too late to be told. Only of a server that this
 * one had drained for long: right after a drain it has to wait for what was made before.
 */
function isUntold({ madeMs, askedMs, drainedMs }: Cut): boolean {
  return madeMs - drainedMs >= AGREED_MS && madeMs > askedMs - SYNC_MS;
}
