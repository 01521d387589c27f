/**
 * Clients: now and then one connects to a VIP, stays for a while and goes. Whoever answers for the VIP balances it, and
 * the sync daemons tell the other kernels.
 */
import type { Ip } from "../../src/core/address.ts";
import { type Service, serviceKey, vipsOfService } from "../../src/core/service/service.ts";
import type { SimCluster } from "./cluster.ts";
import type { SimConnection } from "./kernel.ts";
import type { SimNode } from "./sim_node.ts";

/** Time between two clients of a service, ms. */
const ARRIVAL_MS = 400;
/** How long a client stays at most, ms. */
const STAYS_MS_MAX = 8_000;
/** Time until the other kernels know of a connection, ms: its first packets, and the way. */
export const SYNC_MS = 5;

/** Lets clients come and go, until the world ends. */
export function letClientsCome(cluster: SimCluster, services: () => readonly Service[]): void {
  const { world } = cluster;
  world.after(ARRIVAL_MS, () => {
    for (const service of services()) arrive(cluster, service);
    letClientsCome(cluster, services);
  });
}

/** Clients that do not know where the VIP is ask, and know it from then on. */
function askWhere({ lan, neighbours, nodes, world }: SimCluster, vip: Ip, holder: SimNode): void {
  for (const { name } of nodes.filter((node) => lan.joined(node, holder, "eth0"))) {
    if (neighbours.whereIs(vip, name) !== undefined) continue;
    neighbours.hear(name, { vip, at: holder.name, nowMs: world.nowMs });
  }
}

function arrive(cluster: SimCluster, service: Service): void {
  const { world, lan } = cluster;
  const [vip] = vipsOfService(service);
  const holder = cluster.nodes.find((node) => cluster.answers(node, vip) && node.kernel.balances());
  const made = holder?.kernel.connect(service);
  if (holder === undefined || made === null || made === undefined) return;
  askWhere(cluster, vip as Ip, holder);
  const { kernel } = holder;
  const told: { readonly connections: Set<SimConnection> }[] = [kernel];
  world.after(SYNC_MS, () => {
    if (kernel.daemons.master === null || !kernel.connections.has(made)) return;
    for (const other of cluster.nodes) {
      if (other === holder || other.kernel.daemons.backup === null) continue;
      if (!lan.reaches(holder, other, "eth0") || other.clock.stopped) continue;
      if (!other.kernel.rows.has(serviceKey(service))) continue;
      other.kernel.connections.add(made);
      told.push(other.kernel);
    }
  });
  world.after(world.random() * STAYS_MS_MAX, () => {
    for (const { connections } of told) connections.delete(made);
  });
}
