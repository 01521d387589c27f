/**
 * Servers that work get connections.
 */
import { serviceKey } from "../../../src/core/service.ts";
import { IN_POOL_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";

/** A server that works, and that the holder reaches, is not out of its pool for long. */
export const inPool: InvariantKind = {
  name: "a healthy server is not out of the pool for long",
  watch: (play) => ({
    dueMs: () => {
      const dueMs = play.disturbedMs + IN_POOL_MS + 1;
      return dueMs > play.world.nowMs ? dueMs : Infinity;
    },
    look: () => {
      const { cluster, world } = play;
      if (world.nowMs - play.disturbedMs <= IN_POOL_MS || !cluster.lan.calm) return null;
      for (const service of play.plan.shape.services) {
        if (service.protocol === "fwm") continue;
        for (const holder of cluster.nodes) {
          if (!holder.awake || holder.troubles > 0) continue;
          if (!cluster.answers(holder, service.address)) continue;
          const missing = cluster.nodes.find((server) =>
            isHealthy(play, holder, server) &&
            !holder.kernel.choices(service).some(({ address }) => address === server.address)
          );
          if (missing === undefined) continue;
          return `${missing.name} serves ${
            serviceKey(service)
          } well and ${holder.name} gives it nothing`;
        }
      }
      return null;
    },
  }),
};

function isHealthy({ cluster }: Play, holder: SimNode, server: SimNode): boolean {
  return server.awake && server.serving && server.options.realServer !== false &&
    server.agent?.state.phase === "running" &&
    server.paths.every((path) => cluster.lan.joined(holder, server, path)) &&
    !isDrained(holder, server) && !isDrained(server, server);
}

function isDrained(at: SimNode, server: SimNode): boolean {
  return at.store.current().drains.get(`*|${server.id}`)?.on === true;
}
