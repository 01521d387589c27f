/**
 * What entries of the document cannot stand beside each other, in words. Asked where an operator enters one; what a
 * merge of two partitions brings together is left to the kernel, which takes a mark before an endpoint.
 */
import { formatEndpoint, type Ip } from "../address.ts";
import { type ClusterDocument, serverEntries } from "./document.ts";
import { forwardingProblem } from "../service/forwarding.ts";
import { isExternal, type ServerEntry, serverKey } from "../service/server.ts";
import {
  formatPortRange,
  formatServiceName,
  memberTunnelProblem,
  type PortRange,
  type Service,
  serviceKey,
  thresholdProblem,
  vipsOfService,
} from "../service/service.ts";
import { groupOf } from "./vip.ts";

/** Why the service cannot stand beside the others; null when it can. Itself, under its key, is not in its own way. */
export function serviceConflict(document: ClusterDocument, service: Service): string | null {
  const group = groupProblem(document, service);
  if (group !== null) return group;
  for (const other of document.services.values()) {
    if (serviceKey(other) === serviceKey(service)) continue;
    const shared = sharedPorts(service, other);
    if (shared !== null) {
      return `${shared} belongs to ${
        formatServiceName(other)
      } already, and a packet can have one service only`;
    }
  }
  for (const entry of serverEntries(document, serviceKey(service))) {
    const problem = serverProblem(service, entry);
    if (problem !== null) return `server ${targetName(entry)}: ${problem}`;
  }
  return null;
}

/** Several VIPs must always be on one node, or part of the service's packets would meet no table. */
function groupProblem(document: ClusterDocument, service: Service): string | null {
  const [first, ...rest] = vipsOfService(service);
  const together = groupOf(first, document.vips);
  const apart = rest.find((vip) => !together.includes(vip));
  return apart === undefined
    ? null
    : `${first} and ${apart} are not in one group, so two nodes could hold them`;
}

/** Packets both services would take because one of them marks the other's, in words; null when there are none. */
function sharedPorts(a: Service, b: Service): string | null {
  const rangesA = portsByVip(a);
  const rangesB = portsByVip(b);
  for (const [vip, ranges] of rangesA) {
    for (const range of ranges) {
      const other = rangesB.get(vip)?.find((candidate) => overlaps(range, candidate));
      if (other !== undefined) return `${vip} ${formatPortRange(narrower(range, other))}`;
    }
  }
  return null;
}

function portsByVip(service: Service): Map<Ip, PortRange[]> {
  if (service.protocol === "fwm") {
    return new Map(service.vips.map((vip) => [vip, service.ports]));
  }
  // A service for every port takes what is left over: specific ones beside it are its purpose.
  if (service.port === 0) return new Map();
  const { protocol, port } = service;
  return new Map([[service.address, [{ protocol, first: port, last: port }]]]);
}

function overlaps(a: PortRange, b: PortRange): boolean {
  return a.protocol === b.protocol && a.first <= b.last && b.first <= a.last;
}

function narrower(a: PortRange, b: PortRange): PortRange {
  return {
    protocol: a.protocol,
    first: Math.max(a.first, b.first),
    last: Math.min(a.last, b.last),
  };
}

/** Why this server cannot be one of the service, by itself; null when it can. */
export function serverProblem(service: Service, entry: ServerEntry): string | null {
  const forwarding = entry.forwarding ?? service.forwarding;
  if (entry.tunnel !== null && forwarding !== "tunnel") {
    return "a tunnel needs the forwarding method tunnel";
  }
  if (isExternal(entry)) {
    if (service.check.kind === "file") {
      return "the service has a file check, which asks members only";
    }
    const problem = forwardingProblem(service, { ...entry.target, forwarding });
    if (problem !== null) return problem;
  } else if (entry.tunnel !== null && memberTunnelProblem(entry.tunnel) !== null) {
    return memberTunnelProblem(entry.tunnel);
  } else if (
    service.protocol !== "fwm" && service.serverPort !== null &&
    service.serverPort !== service.port && forwarding !== "nat"
  ) {
    return `the service's servers listen on port ${service.serverPort}, which only nat can reach`;
  }
  return thresholdProblem({
    upper: entry.upper ?? service.upper,
    lower: entry.lower ?? service.lower,
  });
}

function targetName(entry: ServerEntry): string {
  return isExternal(entry) ? formatEndpoint(entry.target) : "settings of a member";
}

/** Why the server cannot be entered beside the others; null when it can. */
export function serverConflict(
  document: ClusterDocument,
  service: Service,
  entry: ServerEntry,
): string | null {
  const problem = serverProblem(service, entry);
  if (problem !== null || !isExternal(entry)) return problem;
  const { address } = entry.target;
  if (vipsOfService(service).includes(address)) return `${address} is the service's own VIP`;
  if (document.vips.has(address)) return `${address} is a VIP of this cluster`;
  const key = serverKey(entry);
  for (const other of document.services.values()) {
    if (vipsOfService(other).includes(address)) return `${address} is a VIP of this cluster`;
  }
  // One that is just being taken out may come back.
  const present = document.servers.get(entry.service)?.get(key);
  return present !== undefined && !present.off ? "it is there already" : null;
}
