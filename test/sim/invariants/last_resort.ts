/**
 * What clients get when no server is left: README.md, "Nobody left".
 */
import { formatEndpoint } from "../../../src/core/address.ts";
import { type Service, serviceKey, vipOfService } from "../../../src/core/service/service.ts";
import { isExternal } from "../../../src/core/service/server.ts";
import { LAST_RESORT_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { Spells } from "./spells.ts";

/** Whether a service has a fallback that it may use. */
export function hasFallback({ fallback, whenAllFail }: Service): boolean {
  return typeof fallback === "object" && fallback !== null && whenAllFail !== "nothing";
}

/** When no server works, clients get what the service says. */
export const lastResort: InvariantKind = {
  name: "clients get what a service says when no server is left",
  watch: (play) => {
    const wrong = new Spells<string>();
    let dueMs = Infinity;
    return {
      dueMs: () => dueMs,
      look: () => {
        const { world: { nowMs }, plan, servesMs, disturbedMs } = play;
        dueMs = Infinity;
        if (nowMs < servesMs) return null;
        for (const service of plan.shape.services) {
          const key = serviceKey(service);
          const holder = holderOf(play, service);
          const what = holder === null ? null : amiss(play, service, holder);
          wrong.note(key, what !== null, nowMs);
          if (what === null) continue;
          const sinceMs = Math.max(wrong.sinceMs(key), disturbedMs);
          dueMs = Math.min(dueMs, sinceMs + LAST_RESORT_MS + 1);
          play.took(`until the last resort serves (bound ${LAST_RESORT_MS})`, nowMs - sinceMs);
          if (nowMs - sinceMs > LAST_RESORT_MS) return `no server of ${key} works, and ${what}`;
        }
        return null;
      },
    };
  },
};

/** The only machine that answers for the service, if its agent and its kernel are well. */
function holderOf({ cluster }: Play, service: Service): SimNode | null {
  const [holder, ...others] = cluster.nodes.filter((node) =>
    cluster.answers(node, vipOfService(service))
  );
  if (holder === undefined || others.length > 0 || !holder.awake || holder.troubles > 0) {
    return null;
  }
  return holder.agent?.state.phase === "running" ? holder : null;
}

/** What is wrong with what clients get now, in words; null when nothing is, or a server may work. */
function amiss(play: Play, service: Service, holder: SimNode): string | null {
  if (someWorks(play, service, holder)) return null;
  const given = holder.kernel.choices(service).map(formatEndpoint);
  const { fallback, whenAllFail } = service;
  const spare = hasFallback(service) && typeof fallback === "object" && fallback !== null
    ? formatEndpoint({ address: fallback.address, port: fallback.port ?? 0 })
    : null;
  const names = given.join(" and ") || "nobody";
  // What is kept are servers that were there until shortly before: which those are is the service's own affair.
  if (whenAllFail === "keep") {
    return spare === null || given.length > 0 ? null : "nobody gets its connections";
  }
  const right = spare === null ? given.length === 0 : given.join() === spare;
  return right ? null : `${names} gets its connections, and not ${spare ?? "nobody"}`;
}

/** Whether any server of the service works, or may. */
function someWorks({ cluster }: Play, service: Service, holder: SimNode): boolean {
  const entries = holder.store.current().servers.get(serviceKey(service))?.values() ?? [];
  const machines = [...entries].filter(isExternal).map(({ target }) => target.address);
  return machines.some((address) => cluster.machines.get(address) === true) ||
    cluster.nodes.some((node) => node.serving && node.powered && node.options.realServer !== false);
}
