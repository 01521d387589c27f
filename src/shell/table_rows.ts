/**
 * Rows of the IPVS table between the terms of decisions (core/table.ts) and those of the kernel.
 */
import {
  forwardingMethods,
  type IpvsChange,
  type IpvsDestination,
  type IpvsDestinationKey,
  type IpvsDestinationSettings,
  type IpvsService,
  type IpvsServiceKey,
  type IpvsServiceSettings,
  serviceFlags,
  transportProtocols,
} from "../../ffi/mod.ts";
import { type Ip, ipFamily, ipFromBytes, ipToBytes } from "../core/address.ts";
import {
  type Forwarding,
  forwardings,
  type Protocol,
  protocols,
  type ServiceName,
} from "../core/service.ts";
import type {
  ObservedServer,
  ObservedService,
  TableOperation,
  TableServer,
  TableService,
} from "../core/table.ts";

/** Kernel numbers of the forwarding methods troop uses. */
const methodNumbers: Record<Forwarding, number> = { dr: forwardingMethods.directRoute };
const methodNames = new Map(forwardings.map((name) => [methodNumbers[name], name]));
/** One client is one client: persistence, which troop does not set here, would group them. */
const NETMASK_SINGLE = { 4: 0xffff_ffff, 6: 128 } as const;
/** What the kernel keeps for a server that is not tunnelled. */
const NO_TUNNEL = { type: 0, port: 0, flags: 0 };
/** Flags a row may have without counting as altered. */
const FLAGS_PLAIN = serviceFlags.hashed;

/** The kernel's key of a service. */
export function serviceKeyOf(service: ServiceName): IpvsServiceKey {
  return {
    kind: "endpoint",
    protocol: transportProtocols[service.protocol],
    address: ipBytes(service.address),
    port: service.port,
  };
}

/** The name of a service, or undefined for what troop cannot name: firewall marks, SCTP. */
export function serviceNameOf(key: IpvsServiceKey): ServiceName | undefined {
  if (key.kind === "mark") return undefined;
  const protocol = protocolOf(key.protocol);
  if (protocol === undefined) return undefined;
  return { address: ipText(key.address), port: key.port, protocol };
}

/** The bytes of a canonical address. IPv4 by hand: tables have thousands, and the library takes ten times as long. */
function ipBytes(ip: Ip): Uint8Array {
  return ipFamily(ip) === 4 ? Uint8Array.from(ip.split("."), Number) : ipToBytes(ip);
}

/** The canonical text of an address, IPv4 by hand for the same reason. */
function ipText(bytes: Uint8Array): Ip {
  return bytes.length === 4 ? bytes.join(".") : ipFromBytes(bytes);
}

function protocolOf(number: number): Protocol | undefined {
  return protocols.find((name) => transportProtocols[name] === number);
}

/**
 * A function that makes changes for the kernel of operations. A service is made or changed alone; its
 * servers are operations of their own. What repeats is made once: a table names the same few addresses
 * thousands of times, and the operations of one service come one after the other.
 */
export function changeMaker(): (operation: TableOperation) => IpvsChange {
  const known = new Map<Ip, Uint8Array>();
  let last: ServiceName | undefined;
  let key = serviceKeyOf({ address: "0.0.0.0", port: 0, protocol: "tcp" });

  function bytesOf(ip: Ip): Uint8Array {
    let bytes = known.get(ip);
    if (bytes === undefined) known.set(ip, bytes = ipBytes(ip));
    return bytes;
  }

  return (operation) => {
    if (operation.service !== last) key = serviceKeyOf(operation.service);
    last = operation.service;
    if (operation.kind === "removeService") return { command: "deleteService", service: key };
    if ("server" in operation) {
      const { address, port } = operation.server;
      return serverChange(operation, key, { address: bytesOf(address), port });
    }
    const command = operation.kind === "addService" ? "newService" : "setService";
    return { command, service: key, settings: settingsOf(operation.service) };
  };
}

function serverChange(
  operation: Extract<TableOperation, { server: unknown }>,
  service: IpvsServiceKey,
  destination: IpvsDestinationKey,
): IpvsChange {
  if (operation.kind === "removeServer") {
    return { command: "deleteDestination", service, destination };
  }
  const command = operation.kind === "addServer" ? "newDestination" : "setDestination";
  return { command, service, destination, settings: destinationSettingsOf(operation.server) };
}

function settingsOf(service: TableService): IpvsServiceSettings {
  const netmask = NETMASK_SINGLE[ipFamily(service.address)];
  return { scheduler: service.scheduler, flags: 0, timeoutSeconds: 0, netmask, engine: "" };
}

function destinationSettingsOf(server: TableServer): IpvsDestinationSettings {
  return {
    forwarding: methodNumbers[server.forwarding],
    weight: server.weight,
    upperThreshold: 0,
    lowerThreshold: 0,
    tunnel: NO_TUNNEL,
  };
}

/** A row as decisions see it. */
export function observedService(
  row: { readonly name: ServiceName; readonly service: IpvsService },
  servers: readonly ObservedServer[],
): ObservedService {
  const { settings } = row.service;
  const altered = (settings.flags & ~FLAGS_PLAIN) !== 0 || settings.engine !== "";
  return { ...row.name, scheduler: settings.scheduler, altered, servers };
}

/** A real server as decisions see it. */
export function observedServer(row: IpvsDestination): ObservedServer {
  const { settings, statistics } = row;
  return {
    address: ipText(row.key.address),
    port: row.key.port,
    weight: settings.weight,
    forwarding: methodNames.get(settings.forwarding) ?? "other",
    counters: {
      activeConnections: row.activeConnections,
      inactiveConnections: row.inactiveConnections,
      persistentConnections: row.persistentConnections,
      connections: statistics.connections,
      inPackets: statistics.inPackets,
      outPackets: statistics.outPackets,
      inBytes: statistics.inBytes,
      outBytes: statistics.outBytes,
    },
  };
}
