/**
 * How this node gets the packets it serves as a real server: as the client sent them, through which tunnels,
 * or with its own address as destination.
 */
import { type Ip, ipFamily } from "./address.ts";
import type { Tunnel } from "./forwarding.ts";
import { memberSettings, serverAddress } from "./pool.ts";
import {
  memberPort,
  type Protocol,
  type Service,
  serviceFamily,
  vipsOfService,
} from "./service.ts";
import type { State } from "./state.ts";

/** Whether packets for the VIP reach this node's servers with the VIP as destination: it must be an address here. */
export function receivesUnchanged(state: State, vip: Ip): boolean {
  if (!state.self.realServer) return false;
  for (const service of state.document.services.values()) {
    if (!service.members || !vipsOfService(service).includes(vip)) continue;
    const { forwarding } = memberSettings(state, service, state.self.id);
    if (forwarding === "nat") continue;
    if (serverAddress(state.self.paths, service, forwarding) !== undefined) return true;
  }
  return false;
}

/** Devices by which tunnelled packets arrive, one per kind and pair of families; the kernel's own names. */
export type TunnelDevice = "tunl0" | "sit0" | "ip6tnl0" | "gre0" | "ip6gre0";

/** What this node needs to receive its tunnelled packets. */
export interface TunnelEnds {
  readonly devices: readonly TunnelDevice[];
  /** UDP ports of GUE, by the family of the outer packet. */
  readonly guePorts: readonly { readonly port: number; readonly family: 4 | 6 }[];
}

/** The ends of the tunnels of every service this node serves. */
export function tunnelEnds(state: State): TunnelEnds {
  const devices = new Set<TunnelDevice>();
  const guePorts = new Map<string, { port: number; family: 4 | 6 }>();
  if (state.self.realServer) {
    for (const service of state.document.services.values()) {
      if (!service.members) continue;
      const { forwarding, tunnel } = memberSettings(state, service, state.self.id);
      const address = serverAddress(state.self.paths, service, forwarding);
      if (tunnel === null || address === undefined) continue;
      const outer = ipFamily(address);
      devices.add(tunnelDevice(tunnel, { outer, inner: serviceFamily(service) }));
      if (tunnel.kind === "gue") {
        guePorts.set(`${outer}/${tunnel.port}`, { port: tunnel.port, family: outer });
      }
    }
  }
  return { devices: [...devices].sort(), guePorts: [...guePorts.values()] };
}

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
export function watchPoint(state: State, service: Service): WatchPoint | null {
  if (!service.members || service.check.kind === "none") return null;
  if (service.protocol === "fwm" || service.protocol === "sctp" || service.port === 0) return null;
  const { forwarding } = memberSettings(state, service, state.self.id);
  const own = serverAddress(state.self.paths, service, forwarding);
  if (own === undefined) return null;
  const port = memberPort(service);
  const { protocol } = service;
  if (forwarding === "nat") return { protocol, address: own, port, place: "its own address" };
  return { protocol, address: service.address, port, place: "the VIP" };
}
