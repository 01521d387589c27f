/**
 * Rows of the IPVS table between the terms of decisions (core/table/table.ts) and those of the kernel.
 *
 * Somebody else's row may have what troop has no word for. It is listed all the same: as `altered` where the service
 * differs, with a null tunnel or a method of no troop's where a server does, so that no decision takes it for its own.
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
  type IpvsStatistics,
  serviceFlags,
  transportProtocols,
  tunnelFlags,
  tunnelTypes,
} from "../../../ffi/mod.ts";
import { type Ip, ipFamily, ipFromBytes, ipToBytes } from "../../core/address.ts";
import type { Tunnel, TunnelChecksum, TunnelKind } from "../../core/service/forwarding.ts";
import {
  type Persistence,
  persistenceEngines,
  type SchedulerFlag,
  schedulerFlags,
} from "../../core/service/scheduling.ts";
import { type Protocol, serviceFamily, type ServiceName } from "../../core/service/service_name.ts";
import type {
  ObservedServer,
  ObservedService,
  TableOperation,
  TableServer,
  TableService,
  TableSettings,
  Traffic,
} from "../../core/table/table.ts";

type ObservedForwarding = ObservedServer["forwarding"];

/** Kernel numbers of the forwarding methods, those troop never uses included. */
const methodNumbers: Record<ObservedForwarding, number> = {
  nat: forwardingMethods.masquerade,
  local: forwardingMethods.localNode,
  tunnel: forwardingMethods.tunnel,
  dr: forwardingMethods.directRoute,
  bypass: forwardingMethods.bypass,
};
const methodNames = turned(methodNumbers);
const kindNames = turned<TunnelKind>(tunnelTypes);
const checksumNumbers: Record<TunnelChecksum, number> = {
  none: tunnelFlags.noChecksum,
  csum: tunnelFlags.checksum,
  remcsum: tunnelFlags.remoteChecksum,
};
const checksumNames = turned(checksumNumbers);
const schedulerBits: Record<SchedulerFlag, number> = {
  "flag-1": serviceFlags.scheduler1,
  "flag-2": serviceFlags.scheduler2,
  "flag-3": serviceFlags.scheduler3,
};
const protocolNames = turned<Protocol>(transportProtocols);

/** What the kernel keeps for a server that is not tunnelled. */
const NO_TUNNEL = { type: 0, port: 0, flags: 0 };
/** Flags there is a word for; `hashed` is the kernel's own. */
const FLAGS_KNOWN = Object.values(serviceFlags).reduce((known, flag) => known | flag, 0);
/** Bits of a netmask by which every client is one of its own. */
const SINGLE_BITS = { 4: 32, 6: 128 } as const;

function turned<Name extends string>(numbers: Record<Name, number>): Map<number, Name> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number as number, name as Name]));
}

/** The kernel's key of a service. */
export function serviceKeyOf(service: ServiceName): IpvsServiceKey {
  if (service.protocol === "fwm") {
    return { kind: "mark", version: service.family, mark: service.mark };
  }
  return {
    kind: "endpoint",
    protocol: transportProtocols[service.protocol],
    address: ipBytes(service.address),
    port: service.port,
  };
}

/**
 * The name of a service; undefined for what cannot be named and no packet can reach: a protocol IPVS does not balance
 * (netlink takes any number), an IPv4-mapped IPv6 address.
 */
export function serviceNameOf(key: IpvsServiceKey): ServiceName | undefined {
  if (key.kind === "mark") return { protocol: "fwm", family: key.version, mark: key.mark };
  const protocol = protocolNames.get(key.protocol);
  const address = ipText(key.address);
  if (protocol === undefined || SINGLE_BITS[ipFamily(address)] !== key.address.length * 8) {
    return undefined;
  }
  return { address, port: key.port, protocol };
}

/** The bytes of a canonical address. IPv4 by hand: tables have thousands, and the library takes ten times as long. */
function ipBytes(ip: Ip): Uint8Array {
  return ipFamily(ip) === 4 ? Uint8Array.from(ip.split("."), Number) : ipToBytes(ip);
}

/** The canonical text of an address, IPv4 by hand for the same reason. */
function ipText(bytes: Uint8Array): Ip {
  return bytes.length === 4 ? bytes.join(".") : ipFromBytes(bytes);
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
  const { scheduler, persistence } = service;
  const family = serviceFamily(service);
  return {
    scheduler,
    flags: flagBits(service),
    timeoutSeconds: persistence?.timeoutS ?? 0,
    netmask: netmaskOf(persistence?.prefixLength ?? SINGLE_BITS[family], family),
    engine: persistence?.engine ?? "",
  };
}

function flagBits({ flags, onePacket, persistence }: TableSettings): number {
  return flags.reduce((bits, flag) => bits | schedulerBits[flag], 0) |
    (onePacket ? serviceFlags.onePacket : 0) |
    (persistence === null ? 0 : serviceFlags.persistent);
}

/** The kernel's netmask: for IPv4 the mask as a number, for IPv6 the prefix length. */
function netmaskOf(prefixLength: number, family: 4 | 6): number {
  if (family === 6) return prefixLength;
  return prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
}

function destinationSettingsOf(server: TableServer): IpvsDestinationSettings {
  const { tunnel } = server;
  return {
    forwarding: methodNumbers[server.forwarding],
    weight: server.weight,
    upperThreshold: server.upper,
    lowerThreshold: server.lower,
    tunnel: tunnel === null ? NO_TUNNEL : {
      type: tunnelTypes[tunnel.kind],
      port: tunnel.port,
      flags: checksumNumbers[tunnel.checksum],
    },
  };
}

/** A row as decisions see it. */
export function observedService(
  row: { readonly name: ServiceName; readonly service: IpvsService },
  servers: readonly ObservedServer[],
): ObservedService {
  const { settings, statistics } = row.service;
  const { scheduler, flags } = settings;
  const persistence = persistenceOf(settings, serviceFamily(row.name));
  return {
    ...row.name,
    scheduler,
    flags: schedulerFlags.filter((flag) => (flags & schedulerBits[flag]) !== 0),
    onePacket: (flags & serviceFlags.onePacket) !== 0,
    persistence: persistence.words,
    altered: (flags & ~FLAGS_KNOWN) !== 0 || !persistence.exact,
    traffic: trafficOf(statistics),
    servers,
  };
}

/** What keeps clients with their server, in words as far as there are some, and whether they say everything. */
function persistenceOf(
  settings: IpvsServiceSettings,
  family: 4 | 6,
): { readonly words: Persistence | null; readonly exact: boolean } {
  const engine = persistenceEngines.find((known) => known === settings.engine) ?? null;
  const knownEngine = settings.engine === "" || engine !== null;
  // Without the flag the kernel looks at neither time nor netmask, but an engine is loaded and bound.
  if ((settings.flags & serviceFlags.persistent) === 0) {
    return { words: null, exact: settings.engine === "" };
  }
  const bits = prefixLengthOf(settings.netmask, family);
  const prefixLength = bits === undefined || bits === SINGLE_BITS[family] ? null : bits;
  const words = { timeoutS: settings.timeoutSeconds, prefixLength, engine };
  return { words, exact: knownEngine && bits !== undefined };
}

/** Leading bits of a netmask; undefined when they are not all of its bits (`ipvsadm -M 255.0.255.0`). */
function prefixLengthOf(netmask: number, family: 4 | 6): number | undefined {
  if (family === 6) return netmask;
  const bits = Math.clz32(~netmask);
  return netmaskOf(bits, 4) === netmask ? bits : undefined;
}

/** A real server as decisions see it. */
export function observedServer(row: IpvsDestination): ObservedServer {
  const { settings } = row;
  // The kernel keeps three bits (IP_VS_CONN_F_FWD_MASK) and names five values: the rest is as little ours as a bypass.
  const forwarding = methodNames.get(settings.forwarding) ?? "bypass";
  return {
    address: ipText(row.key.address),
    port: row.key.port,
    weight: settings.weight,
    forwarding,
    tunnel: forwarding === "tunnel" ? tunnelOf(settings.tunnel) : null,
    upper: settings.upperThreshold,
    lower: settings.lowerThreshold,
    counters: {
      activeConnections: row.activeConnections,
      inactiveConnections: row.inactiveConnections,
      persistentConnections: row.persistentConnections,
      ...trafficOf(row.statistics),
    },
  };
}

/** The tunnel of a server; null for a kind or a checksum there is no word for. */
function tunnelOf({ type, port, flags }: IpvsDestinationSettings["tunnel"]): Tunnel | null {
  const kind = kindNames.get(type);
  const checksum = checksumNames.get(flags);
  // Port and checksum of bare IP in IP, and the port of GRE, are kept by the kernel and never looked at.
  if (kind === "ipip") return { kind, port: 0, checksum: "none" };
  if (kind === undefined || checksum === undefined) return null;
  return { kind, port: kind === "gue" ? port : 0, checksum };
}

function trafficOf({ rates, ...totals }: IpvsStatistics): Traffic {
  return { ...totals, rates };
}
