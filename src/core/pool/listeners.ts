/**
 * Whether a socket on this machine serves a virtual service, read off the list of listening sockets.
 *
 * With direct routing the packet arrives unchanged: its destination is the VIP. A socket takes it when it
 * is bound to every address or to the VIP. One bound to the node's own address alone never sees it, the
 * commonest mistake in such clusters, so that case has its own words. With NAT it is the other way round.
 */
import { type Ip, ipFamily } from "../address.ts";
import type { WatchPoint } from "../desired/receiving.ts";
import type { Protocol } from "../service/service_name.ts";

/** A listening socket, as {@link ListenerWatch} in ports.ts reports it. */
export interface Socket {
  readonly protocol: Protocol;
  readonly address: Ip;
  readonly port: number;
  /** A socket bound to `::` that does not take IPv4 as well (IPV6_V6ONLY, ipv6(7)). */
  readonly v6only: boolean;
}

/** Whether the service is served here, and in words why. */
export interface Serving {
  readonly up: boolean;
  readonly reason: string;
}

/** Addresses named in a reason; more say nothing new. */
const ADDRESSES_SHOWN_MAX = 3;

/** Whether one of the sockets receives packets sent to this address, port and protocol. */
export function servesService(sockets: Iterable<Socket>, point: WatchPoint): Serving {
  const others: string[] = [];
  for (const socket of sockets) {
    if (socket.port !== point.port || socket.protocol !== point.protocol) continue;
    if (receives(socket, point.address)) {
      return { up: true, reason: `listens on ${socket.address}` };
    }
    others.push(socket.v6only && socket.address === "::" ? ":: (IPv6)" : socket.address);
  }
  return { up: false, reason: missing(point, others) };
}

function receives(socket: Socket, address: Ip): boolean {
  if (
    socket.address === address || socket.address === (ipFamily(address) === 4 ? "0.0.0.0" : "::")
  ) {
    return true;
  }
  // A socket bound to :: takes IPv4 too, as mapped addresses (RFC 3493, 3.7), unless it was told not to.
  return socket.address === "::" && ipFamily(address) === 4 && !socket.v6only;
}

function missing(point: WatchPoint, others: readonly string[]): string {
  if (others.length === 0) return `nothing listens on ${point.protocol} port ${point.port}`;
  const names = [...new Set(others)].sort();
  const shown = names.slice(0, ADDRESSES_SHOWN_MAX).join(", ");
  return `listens on ${shown}${
    names.length > ADDRESSES_SHOWN_MAX ? ", …" : ""
  } only, not on ${point.place}`;
}
