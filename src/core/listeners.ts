/**
 * Whether a socket on this machine serves a virtual service, read off the list of listening sockets.
 *
 * With direct routing the packet arrives unchanged: its destination is the VIP. A socket takes it when it
 * is bound to every address or to the VIP. One bound to the node's own address alone never sees it, the
 * commonest mistake in such clusters, so that case has its own words.
 */
import { type Ip, ipFamily } from "./address.ts";
import type { Protocol, ServiceName } from "./service.ts";

/** A socket that accepts connections or datagrams. */
export interface ListeningSocket {
  readonly protocol: Protocol;
  readonly address: Ip;
  readonly port: number;
  /** A socket bound to `::` that does not take IPv4 as well (IPV6_V6ONLY, ipv6(7)). */
  readonly v6only: boolean;
}

/** Addresses named in a reason; more say nothing new. */
const ADDRESSES_SHOWN_MAX = 3;

/**
 * Why packets for the service's VIP, port and protocol find no socket on this machine, in words; null when
 * one of the sockets receives them.
 */
export function deafReason(
  service: ServiceName,
  sockets: Iterable<ListeningSocket>,
): string | null {
  const others = new Set<string>();
  for (const socket of sockets) {
    if (socket.port !== service.port || socket.protocol !== service.protocol) continue;
    if (receives(socket, service.address)) return null;
    others.add(socket.address === "::" ? ":: (IPv6)" : socket.address);
  }
  if (others.size === 0) return `nothing listens on ${service.protocol} port ${service.port}`;
  const shown = [...others].sort().slice(0, ADDRESSES_SHOWN_MAX).join(", ");
  const more = others.size > ADDRESSES_SHOWN_MAX ? ", …" : "";
  return `listens on ${shown}${more} only, not on the VIP`;
}

function receives(socket: ListeningSocket, vip: Ip): boolean {
  const family = ipFamily(vip);
  if (socket.address === vip || socket.address === (family === 4 ? "0.0.0.0" : "::")) return true;
  // A socket bound to :: takes IPv4 too, as mapped addresses (RFC 3493, 3.7), unless it was told not to.
  return socket.address === "::" && family === 4 && !socket.v6only;
}
