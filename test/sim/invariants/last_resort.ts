/**
 * What clients get when no server is left: docs/services.md, "Nobody left".
 */
import { formatEndpoint } from "../../../src/core/address.ts";
import { type Service, serviceKey, vipOfService } from "../../../src/core/service/service.ts";
import { isExternal } from "../../../src/core/service/server.ts";
import { LAST_RESORT_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { tolerated, type Wrong } from "./tolerated.ts";

/** Whether a service has a fallback that it may use. */
export function hasFallback({ fallback, whenAllFail }: Service): boolean {
  return typeof fallback === "object" && fallback !== null && whenAllFail !== "nothing";
}

/** When no server works, clients get what the service says. */
export const lastResort: InvariantKind = {
  name: "clients get what a service says when no server is left",
  watch: (play) =>
    tolerated(play, {
      promise: "until the last resort serves",
      boundMs: LAST_RESORT_MS,
      find: () => unserved(play),
    }),
};

function* unserved(play: Play): Generator<Wrong> {
  if (play.world.nowMs < play.servesMs) return;
  for (const service of play.plan.shape.services) {
    const holder = holderOf(play, service);
    const what = holder === null ? null : amiss(play, service, holder);
    const key = serviceKey(service);
    if (what !== null) yield { key, what: `no server of ${key} works, and ${what}` };
  }
}

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
