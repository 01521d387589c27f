/**
 * Servers that work get connections.
 */
import type { Ip } from "../../../src/core/address.ts";
import { serverEntries } from "../../../src/core/document/document.ts";
import { isExternal } from "../../../src/core/service/server.ts";
import { type Service, serviceKey } from "../../../src/core/service/service.ts";
import { IN_POOL_MS } from "../bounds.ts";
import type { InvariantKind } from "../invariant.ts";
import type { Play } from "../play.ts";
import type { SimNode } from "../sim_node.ts";
import { hasFallback } from "./last_resort.ts";
import { tolerated, type Wrong } from "./tolerated.ts";

const PUBLIC = "eth0";

/** A server that works, and that the holder reaches, is not out of its pool for long: a handover takes its time, too. */
export const inPool: InvariantKind = {
  name: "a healthy server is not out of the pool for long",
  watch: (play) =>
    tolerated(play, {
      promise: "until a healthy server is in the pool",
      boundMs: IN_POOL_MS,
      find: () => missing(play),
    }),
};

/** Servers that work and get nothing from somebody who answers for their VIP. */
function* missing(play: Play): Generator<Wrong> {
  const { cluster, world, servesMs } = play;
  if (world.nowMs < servesMs) return;
  for (const service of play.plan.shape.services) {
    if (service.protocol === "fwm") continue;
    for (const holder of cluster.nodes) {
      if (!cluster.answers(holder, service.address)) continue;
      if (!holder.awake || holder.troubles > 0) continue;
      if (!hasRival(play, holder, service.address)) yield* missingAt(play, holder, service);
    }
  }
}

/** Servers that work and get nothing from this holder. */
function* missingAt(play: Play, holder: SimNode, service: Service): Generator<Wrong> {
  const { cluster } = play;
  const choices = holder.kernel.choices(service);
  const healthy = [
    ...cluster.nodes.filter((server) => isHealthy(play, holder, server)),
    ...machinesOf(play, holder, service).filter(({ works }) => works),
  ];
  // Where too few work the fallback takes their place.
  if (hasFallback(service) && healthy.length < service.quorum + service.hysteresis) return;
  const key = serviceKey(service);
  for (const server of healthy) {
    if (choices.some(({ address }) => address === server.address)) continue;
    yield {
      key: `${holder.name} ${server.name} ${key}`,
      what: `${server.name} serves ${key} well, and ${holder.name} gives it nothing`,
      judged: cluster.lan.fair,
    };
  }
}

/** A server of a service that is a machine without an agent. */
interface Machine {
  readonly name: string;
  readonly address: Ip;
  /** Whether it answers whoever reaches the LAN, and the holder does. */
  readonly works: boolean;
}

/** Machines that a holder knows as servers of a service, but those that operators drained. */
export function machinesOf({ cluster }: Play, holder: SimNode, service: Service): Machine[] {
  const document = holder.store.current();
  const drained = [...document.drains.values()].flatMap(({ on, target }) =>
    on && "address" in target ? [target.address] : []
  );
  return [...serverEntries(document, serviceKey(service))].filter(isExternal)
    .map(({ target: { address } }) => address)
    .filter((address) => !drained.includes(address))
    .map((address) => ({
      name: address,
      address,
      works: cluster.machines.get(address) === true && cluster.lan.plugged(holder, PUBLIC),
    }));
}

/** Whether the holder hears of another one, which perhaps does not hear it: so that nothing runs in a circle, it serves alone. */
function hasRival({ cluster }: Play, holder: SimNode, vip: Ip): boolean {
  return cluster.nodes.some((other) =>
    other !== holder && cluster.answers(other, vip) &&
    other.paths.some((path) => cluster.lan.reaches(other, holder, path))
  );
}

/** Whether a member's server works, is in no maintenance, and a holder beside it can know that. */
export function isHealthy({ cluster }: Play, holder: SimNode, server: SimNode): boolean {
  return server.awake && server.serving && server.options.realServer !== false &&
    server.agent?.state.phase === "running" &&
    server.paths.every((path) => cluster.lan.joined(holder, server, path)) &&
    !isDrained(holder, server) && !isDrained(server, server);
}

/** Whether a machine knows that a server is in maintenance. */
export function isDrained(at: SimNode, server: SimNode): boolean {
  return at.store.current().drains.get(`*|${server.id}`)?.on === true;
}
