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
import { type Endpoint, type Ip, ipFamily, ipFromBytes, ipToBytes } from "../core/address.ts";
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
/** Flags a row may have without counting as altered. */
const FLAGS_PLAIN = serviceFlags.hashed;

/** Reads the bytes of an address. */
export type ToBytes = (ip: Ip) => Uint8Array;

/** A {@link ToBytes} that reads each address once: a table names the same few again and again. */
export function rememberBytes(): ToBytes {
  const known = new Map<Ip, Uint8Array>();
  return (ip) => {
    let bytes = known.get(ip);
    if (bytes === undefined) known.set(ip, bytes = ipToBytes(ip));
    return bytes;
  };
}

/** The kernel's key of a service. */
export function serviceKeyOf(service: ServiceName, toBytes: ToBytes = ipToBytes): IpvsServiceKey {
  return {
    kind: "endpoint",
    protocol: transportProtocols[service.protocol],
    address: toBytes(service.address),
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

/** The text of an address. IPv4 by hand: ten thousand servers are read at a time, and the library takes ten times as long. */
function ipText(bytes: Uint8Array): Ip {
  return bytes.length === 4 ? bytes.join(".") : ipFromBytes(bytes);
}

function protocolOf(number: number): Protocol | undefined {
  return protocols.find((name) => transportProtocols[name] === number);
}

/** An operation as a change for the kernel. A service is made or changed alone: its servers are operations of their own. */
export function changeOf(operation: TableOperation, toBytes: ToBytes = ipToBytes): IpvsChange {
  const service = serviceKeyOf(operation.service, toBytes);
  switch (operation.kind) {
    case "addService":
      return { command: "newService", service, settings: settingsOf(operation.service) };
    case "editService":
      return { command: "setService", service, settings: settingsOf(operation.service) };
    case "removeService":
      return { command: "deleteService", service };
    case "addServer":
    case "editServer":
      return {
        command: operation.kind === "addServer" ? "newDestination" : "setDestination",
        service,
        destination: destinationKeyOf(operation.server, toBytes),
        settings: destinationSettingsOf(operation.server),
      };
    case "removeServer":
      return {
        command: "deleteDestination",
        service,
        destination: destinationKeyOf(operation.server, toBytes),
      };
  }
}

function settingsOf(service: TableService): IpvsServiceSettings {
  const netmask = NETMASK_SINGLE[ipFamily(service.address)];
  return { scheduler: service.scheduler, flags: 0, timeoutSeconds: 0, netmask, engine: "" };
}

function destinationKeyOf(server: Endpoint, toBytes: ToBytes): IpvsDestinationKey {
  return { address: toBytes(server.address), port: server.port };
}

function destinationSettingsOf(server: TableServer): IpvsDestinationSettings {
  return {
    forwarding: methodNumbers[server.forwarding],
    weight: server.weight,
    upperThreshold: 0,
    lowerThreshold: 0,
    tunnel: { type: 0, port: 0, flags: 0 },
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
