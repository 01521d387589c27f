/**
 * How this node gets the packets it serves as a real server: as the client sent them, through which tunnels,
 * or with its own address as destination.
 */
import { type Ip, ipFamily } from "../address.ts";
import type { Tunnel } from "../service/forwarding.ts";
import { memberSettings, serverAddress } from "../pool/pool.ts";
import {
  memberPort,
  type Protocol,
  type Service,
  serviceFamily,
  vipsOfService,
} from "../service/service.ts";
import { type Given, perDocument } from "../document/per_document.ts";

/** Name of the loopback interface. */
export const LOOPBACK = "lo";

/**
 * Interfaces on which this node needs the VIP because its packets arrive with the VIP as destination: `lo`, and
 * for IPv4 every tunnel they come by. The kernel drops what comes by a device without an IPv4 address as long as
 * it filters by source at all (rp_filter; fib_validate_source in fib_frontend.c).
 */
export function receivingInterfaces(given: Given, vip: Ip): readonly string[] {
  return interfacesByVip(given).get(vip) ?? [];
}

const interfacesByVip = perDocument((given) => {
  const names = new Map<Ip, string[]>();
  if (!given.self.realServer) return names;
  const add = (vip: Ip, name: string) => {
    const known = names.get(vip) ?? [];
    if (!known.includes(name)) names.set(vip, [...known, name].sort());
  };
  for (const service of given.document.services.values()) {
    if (!service.members) continue;
    const { forwarding, tunnel } = memberSettings(given, service, given.self.id);
    const address = serverAddress(given.self.paths, service);
    if (forwarding === "nat" || address === undefined) continue;
    for (const vip of vipsOfService(service)) {
      add(vip, LOOPBACK);
      if (tunnel === null || ipFamily(vip) === 6) continue;
      add(vip, tunnelDevice(tunnel, { outer: ipFamily(address), inner: 4 }));
    }
  }
  return names;
});

/** Devices by which tunnelled packets arrive, one per kind and pair of families; the kernel's own names. */
export const tunnelDevices = ["tunl0", "sit0", "ip6tnl0", "gre0", "ip6gre0"] as const;
/** See {@link tunnelDevices}. */
export type TunnelDevice = (typeof tunnelDevices)[number];

/** Whether an interface is the end of a tunnel. */
export function isTunnelDevice(name: string): boolean {
  return tunnelDevices.some((device) => device === name);
}

/** What this node needs to receive its tunnelled packets. */
export interface TunnelEnds {
  readonly devices: readonly TunnelDevice[];
  /** UDP ports of GUE, by the family of the outer packet. */
  readonly guePorts: readonly { readonly port: number; readonly family: 4 | 6 }[];
}

/** The ends of the tunnels of every service this node serves. */
export const tunnelEnds = perDocument((given): TunnelEnds => {
  const devices = new Set<TunnelDevice>();
  const guePorts = new Map<string, { port: number; family: 4 | 6 }>();
  if (!given.self.realServer) return { devices: [], guePorts: [] };
  for (const service of given.document.services.values()) {
    if (!service.members) continue;
    const { tunnel } = memberSettings(given, service, given.self.id);
    const address = serverAddress(given.self.paths, service);
    if (tunnel === null || address === undefined) continue;
    const outer = ipFamily(address);
    devices.add(tunnelDevice(tunnel, { outer, inner: serviceFamily(service) }));
    if (tunnel.kind === "gue") {
      guePorts.set(`${outer}/${tunnel.port}`, { port: tunnel.port, family: outer });
    }
  }
  return { devices: [...devices].sort(), guePorts: [...guePorts.values()] };
});

/** The device that unwraps a tunnel: GUE only adds a UDP header to what bare IP in IP carries (ip_vs_xmit.c). */
export function tunnelDevice(
  tunnel: Pick<Tunnel, "kind">,
  families: { readonly outer: 4 | 6; readonly inner: 4 | 6 },
): TunnelDevice {
  if (tunnel.kind === "gre") return families.outer === 4 ? "gre0" : "ip6gre0";
  if (families.outer === 6) return "ip6tnl0";
  return families.inner === 4 ? "tunl0" : "sit0";
}

/** A socket that has to be there for a service to work here. */
export interface WatchPoint {
  readonly protocol: Protocol;
  /** Destination of the packets: the VIP, or with NAT this node's own address. */
  readonly address: Ip;
  readonly port: number;
  /** What the address is, in words. */
  readonly place: "the VIP" | "its own address";
}

/**
 * The socket whose absence means that the service does not work on this node; null when nobody can say: a check
 * that asks nothing, a service for many ports, SCTP (its sockets are not listed by inet_diag's common part).
 */
export function watchPoint(given: Given, service: Service): WatchPoint | null {
  if (!service.members || service.check.kind === "none") return null;
  if (service.protocol === "fwm" || service.protocol === "sctp" || service.port === 0) return null;
  const { forwarding } = memberSettings(given, service, given.self.id);
  const own = serverAddress(given.self.paths, service);
  if (own === undefined) return null;
  const port = memberPort(service);
  const { protocol } = service;
  if (forwarding === "nat") return { protocol, address: own, port, place: "its own address" };
  return { protocol, address: service.address, port, place: "the VIP" };
}
