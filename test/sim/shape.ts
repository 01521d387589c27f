/**
 * What cluster a run has: how many nodes, who directs and who serves, which services, VIPs and settings.
 */
import type { Ip } from "../../src/core/address.ts";
import { QUORUM_MEMBERS_MIN } from "../../src/core/cluster/quorum.ts";
import { serverEntrySchema } from "../../src/core/service/server.ts";
import { type EndpointService, type Service, serviceKey } from "../../src/core/service/service.ts";
import type { VipEntry } from "../../src/core/document/vip.ts";
import { idOf, service, vipEntry } from "../support/cluster_views.ts";
import type { Draw } from "./draw.ts";
import type { Shape } from "./plan.ts";
import type { NodeOptions } from "./sim_node.ts";

/** VIPs a cluster can have. */
const VIPS: readonly Ip[] = ["10.0.0.100", "10.0.0.101", "10.0.0.102"];
/** A machine without an agent. */
const MACHINE = { address: "10.0.0.21", port: 80 };
/** A machine without an agent that serves when nobody else does. */
export const FALLBACK = { address: "10.0.0.29", port: 80 };
/** Sizes of clusters, the common ones more often. */
const SIZES = [2, 2, 2, 3, 3, 3, 4, 5] as const;
/** Share of clusters that keep their state on simulated disks by the product's own code: it takes ten times as long. */
const DISK_SHARE = 0.1;
/** How far apart agents start, ms, where they do not start together. */
const START_SPREAD_MS = 1_500;

/** See the head of this file. */
export function drawShape(draw: Draw): Shape {
  const count = draw.pick(SIZES);
  const networks = draw.chance(0.4) ? 2 : 1;
  const disk = draw.chance(DISK_SHARE) ? { disk: true } : {};
  const nodes = drawNodes(draw, count).map((node) => ({ ...node, ...disk, networks } as const));
  const vips = VIPS.slice(0, draw.pick([1, 1, 2, 3]));
  const services = vips.map((address) => drawService(draw, address));
  const first = services[0] as Service;
  const outside = draw.chance(0.3);
  const apart = draw.chance(0.5);
  return {
    nodes,
    services,
    vips: drawEntries(draw, vips, count),
    servers: outside
      ? [serverEntrySchema.parse({ service: serviceKey(first), target: MACHINE, weight: 1 })]
      : [],
    // What is held down for going up and down is out of the pool on purpose.
    settings: {
      "flap-damping": "off",
      ...(count >= QUORUM_MEMBERS_MIN && draw.chance(0.3) ? { quorum: "majority" } : {}),
    },
    machines: [MACHINE.address],
    startsMs: nodes.map(() => apart ? draw.int(0, START_SPREAD_MS) : 0),
    tableMs: draw.pick([0, 0, 30]),
  };
}

function drawNodes(draw: Draw, count: number): NodeOptions[] {
  // Two tiers, or every node both, or one node that only directs or only serves.
  const mixed = draw.chance(0.3);
  const prioritised = draw.chance(0.3);
  const witnessed = draw.chance(0.4);
  return Array.from({ length: count }, (_, index) => {
    const role = mixed && index > 0
      ? draw.pick([{}, { director: false }, { realServer: false }])
      : {};
    const priority = prioritised ? { priority: draw.pick([90, 100, 110]) } : {};
    const gateway = witnessed && draw.chance(0.9) ? { gateway: true } : {};
    return { ...role, ...priority, ...gateway };
  });
}

function drawService(draw: Draw, address: Ip): Service {
  const forwarding = draw.pick(["dr", "dr", "dr", "nat"] as const);
  return service({ address, forwarding, ...drawLastResort(draw) });
}

/** How many servers must work, and what clients get when too few do. */
function drawLastResort(draw: Draw): Partial<EndpointService> {
  const spare = { ...FALLBACK, forwarding: draw.pick(["nat", "dr"] as const), tunnel: null };
  return {
    fallback: draw.pick([null, null, "none", spare, spare]),
    quorum: draw.pick([1, 1, 1, 2]),
    hysteresis: draw.pick([0, 0, 0, 1]),
    whenAllFail: draw.pick(["fallback", "fallback", "keep", "nothing"] as const),
  };
}

function drawEntries(draw: Draw, vips: readonly Ip[], count: number): VipEntry[] {
  const group = vips.length > 1 && draw.chance(0.3) ? "web" : null;
  const prefers = draw.chance(0.25);
  const failbackS = draw.chance(0.5) ? draw.int(0, 4) : null;
  if (group === null && !prefers) return [];
  return vips.map((address) =>
    vipEntry({
      address,
      group,
      ...(prefers ? { prefer: [idOf(draw.int(1, count))], failbackS } : {}),
    })
  );
}
