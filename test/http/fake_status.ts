/**
 * The status document and the kernel's table of a cluster in a box.
 */
import type { Ip } from "../../src/core/address.ts";
import { formatCheck } from "../../src/core/check.ts";
import { formatFallback } from "../../src/core/service/fallback.ts";
import { formatTunnel, IPIP } from "../../src/core/service/forwarding.ts";
import type { ServerChange, ServerRef, VipChange } from "../../src/core/document/order.ts";
import {
  formatPortRange,
  formatServiceName,
  nameOf,
  type Service,
  vipOfService,
  vipsOfService,
} from "../../src/core/service/service.ts";
import { type SettingName, settingNames, settingText } from "../../src/core/document/settings.ts";
import type {
  Status,
  StatusDrain,
  StatusNode,
  StatusServer,
  StatusService,
  StatusVip,
} from "../../src/core/status/status.ts";
import type { ObservedService, ServerCounters } from "../../src/core/table/table.ts";

/** Numbers a test can tell apart. */
const KERNEL: ServerCounters = {
  activeConnections: 12,
  inactiveConnections: 345,
  persistentConnections: 0,
  connections: 6_789,
  inPackets: 11,
  outPackets: 22,
  inBytes: 33,
  outBytes: 44,
  rates: {
    connectionsPerS: 5,
    inPacketsPerS: 6,
    outPacketsPerS: 7,
    inBytesPerS: 8,
    outBytesPerS: 9,
  },
};

/** What was said of one server. */
export interface FakeServer {
  readonly ref: ServerRef;
  change: ServerChange;
}

/** A node of the fake cluster. */
export function fakeNode(
  name: string,
  address: string,
  change: Partial<StatusNode> = {},
): StatusNode {
  return {
    name,
    id: name.padEnd(16, "0"),
    address,
    state: "alive",
    reason: "heard 85 ms ago",
    director: true,
    realServer: true,
    priority: 100,
    version: "0.1.0",
    unfit: null,
    witness: "answers",
    witnessReason: "",
    lastHeardMs: 85,
    leaving: false,
    ...change,
  };
}

/** The state they are made of. */
export interface FakeCluster {
  readonly nodes: readonly StatusNode[];
  readonly services: ReadonlyMap<string, Service>;
  /** What was said of servers, by service and name. */
  readonly servers: ReadonlyMap<string, ReadonlyMap<string, FakeServer>>;
  readonly vips: ReadonlyMap<Ip, VipChange>;
  readonly settings: ReadonlyMap<SettingName, string>;
  readonly holders: ReadonlyMap<string, string>;
  /** Servers that are down, by `service node`, with the reason. */
  readonly down: ReadonlyMap<string, string>;
  /** Servers only the kernel has, by service. */
  readonly draining: ReadonlyMap<string, StatusServer[]>;
  readonly drains: readonly StatusDrain[];
  readonly epoch: number;
}

/** The whole status, as node n1 tells it. */
export function clusterStatus(cluster: FakeCluster): Status {
  const services = [...cluster.services.values()];
  const vips = [...new Set([...services.flatMap(vipsOfService), ...cluster.vips.keys()])];
  return {
    cluster: "troop",
    node: "n1",
    time: "2026-01-02T12:00:01.123Z",
    version: "0.1.0",
    nodes: [...cluster.nodes],
    quorum: null,
    vips: vips.map((address) => statusVip(cluster, address)),
    drains: [...cluster.drains],
    settings: Object.fromEntries(
      settingNames.map((name) => [name, settingText(cluster.settings, name)]),
    ),
    services: services.map((service) => statusService(cluster, service)),
  };
}

function statusVip(cluster: FakeCluster, address: Ip): StatusVip {
  const said = cluster.vips.get(address);
  return {
    address,
    interface: said?.interface ?? "eth0",
    holder: cluster.holders.get(address) ?? null,
    epoch: cluster.epoch,
    reason: cluster.holders.has(address) ? "the live incumbent stays" : "no node is fit",
    label: said?.label ?? null,
    group: said?.group ?? null,
    prefer: said?.prefer ?? [],
    failbackS: said?.failbackS ?? null,
    services: [...cluster.services.values()]
      .filter((service) => vipsOfService(service).includes(address)).length,
  };
}

function statusService(cluster: FakeCluster, service: Service): StatusService {
  const isMark = service.protocol === "fwm";
  return {
    name: formatServiceName(service),
    address: vipOfService(service),
    vips: [...vipsOfService(service)],
    port: isMark ? 0 : service.port,
    protocol: service.protocol,
    mark: isMark ? service.mark : null,
    ports: isMark ? service.ports.map(formatPortRange) : [],
    scheduler: service.scheduler,
    flags: service.flags,
    onePacket: service.onePacket,
    persistence: service.persistence,
    forwarding: service.forwarding,
    tunnel: service.tunnel === null ? null : formatTunnel(service.tunnel),
    members: service.members,
    check: formatCheck(service.check),
    pool: { mode: "pool", reason: "" },
    fallback: service.fallback === null ? "none" : formatFallback(service.fallback),
    quorum: "1 server",
    whenAllFail: service.whenAllFail,
    servers: statusServers(cluster, service),
  };
}

function statusServers(cluster: FakeCluster, service: Service): StatusServer[] {
  const name = formatServiceName(service);
  const said = cluster.servers.get(name) ?? new Map<string, FakeServer>();
  const port = service.protocol === "fwm" ? 0 : service.port;
  const members = cluster.nodes.filter((node) => node.realServer && service.members).map((node) =>
    statusServer(
      cluster,
      service,
      { node: node.name, address: node.address, port },
      said.get(node.name),
    )
  );
  const others = [...said.values()].flatMap((server) =>
    "address" in server.ref
      ? [statusServer(cluster, service, {
        node: "",
        address: server.ref.address,
        port: server.ref.port ?? port,
      }, server)]
      : []
  );
  return [...members, ...others, ...cluster.draining.get(name) ?? []];
}

export function statusServer(
  cluster: FakeCluster,
  service: Service,
  place: Pick<StatusServer, "node" | "address" | "port">,
  said: FakeServer | undefined,
): StatusServer {
  const reason = cluster.down.get(`${formatServiceName(service)} ${place.node || place.address}`);
  const forwarding = said?.change.forwarding ?? service.forwarding;
  const tunnel = forwarding === "tunnel" ? said?.change.tunnel ?? service.tunnel ?? IPIP : null;
  return {
    ...place,
    forwarding,
    tunnel: tunnel === null ? null : formatTunnel(tunnel),
    weight: reason === undefined ? said?.change.weight ?? service.weight : 0,
    upper: said?.change.upper ?? service.upper,
    lower: said?.change.lower ?? service.lower,
    fallback: false,
    draining: false,
    up: reason === undefined,
    drained: null,
    reason: reason ?? "200 in 3 ms",
    own: reason ?? "200 in 3 ms",
    holder: "",
    verdicts: { own: null, holder: null },
    activeConnections: KERNEL.activeConnections,
    inactiveConnections: KERNEL.inactiveConnections,
  };
}

/** The kernel's row of every service: each node with the service's own method. */
export function kernelRows(cluster: FakeCluster): ObservedService[] {
  return [...cluster.services.values()].map((service) => {
    const { scheduler, flags, onePacket, persistence } = service;
    return {
      ...nameOf(service),
      scheduler,
      flags,
      onePacket,
      persistence,
      altered: false,
      traffic: KERNEL,
      servers: cluster.nodes.map((node) => ({
        address: node.address,
        port: service.protocol === "fwm" ? 0 : service.port,
        weight: 1,
        forwarding: service.forwarding,
        tunnel: service.tunnel,
        upper: service.upper,
        lower: service.lower,
        counters: KERNEL,
      })),
    };
  });
}
