/**
 * IPVS services and real servers as generic netlink messages (linux/ip_vs.h).
 *
 * Quirks of the kernel (net/netfilter/ipvs/ip_vs_ctl.c), each in a test:
 * - An address attribute has 16 bytes whatever the family; an IPv4 address fills the first four.
 * - Ports are in network order, everything else is in machine order, but an IPv4 netmask in network order.
 * - The netmask attribute of an IPv6 service holds a prefix length.
 * - The real server's family has an attribute of its own (since linux 3.18), because a tunnel may lead to
 *   the other family; without it the kernel takes the service's.
 * - Flags come as value and mask; the kernel changes the bits under the mask.
 * - Weight is a signed int, but negative weights are refused.
 */
import {
  addressBytes,
  familyNumber,
  type IpVersion,
  versionOfAddress,
  versionOfFamily,
} from "./address_family.ts";
import {
  commandAttributes,
  destinationAttributes as dest,
  IPVS_FAMILY_VERSION,
  ipvsCommands,
  serviceAttributes as svc,
  statisticsAttributes as stats,
} from "./ipvs_constants.ts";
import type {
  IpvsChange,
  IpvsDestination,
  IpvsDestinationKey,
  IpvsDestinationSettings,
  IpvsService,
  IpvsServiceKey,
  IpvsServiceSettings,
  IpvsStatistics,
} from "./ipvs_types.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";

/** Bytes of an address attribute (union nf_inet_addr). */
const ADDRESS_ATTRIBUTE_BYTES = 16;
/** Bytes of struct genlmsghdr: command, version, two reserved. */
export const GENERIC_HEADER_BYTES = 4;
/** All bits of the flags word. */
const FLAGS_MASK = 0xffff_ffff;

/** Appends the generic netlink header of a command (struct genlmsghdr). */
export function writeCommand(
  writer: AttributeWriter,
  name: keyof typeof ipvsCommands,
): AttributeWriter {
  return writer.word(ipvsCommands[name] | (IPVS_FAMILY_VERSION << 8));
}

/** Appends the payload of a change. */
export function writeChange(writer: AttributeWriter, change: IpvsChange): void {
  writeCommand(writer, change.command);
  const service = writer.open(commandAttributes.service);
  writeServiceKey(writer, change.service);
  if (change.command === "newService" || change.command === "setService") {
    writeServiceSettings(writer, change.service, change.settings);
  }
  writer.close(service);
  if (!("destination" in change)) return;
  const destination = writer.open(commandAttributes.destination);
  writeDestinationKey(writer, change.destination);
  if (change.command !== "deleteDestination") writeDestinationSettings(writer, change.settings);
  writer.close(destination);
}

/** Appends the payload that asks for one service, or for the real servers of it. */
export function writeGet(
  writer: AttributeWriter,
  name: "getService" | "getDestination",
  service: IpvsServiceKey,
): void {
  const start = writeCommand(writer, name).open(commandAttributes.service);
  writeServiceKey(writer, service);
  writer.close(start);
}

function writeServiceKey(writer: AttributeWriter, key: IpvsServiceKey): void {
  if (key.kind === "mark") {
    writer.u16(svc.family, familyNumber(key.version)).u32(svc.firewallMark, key.mark);
    return;
  }
  writer.u16(svc.family, familyNumber(versionOfAddress(key.address)))
    .u16(svc.protocol, key.protocol)
    .bytes(svc.address, key.address, ADDRESS_ATTRIBUTE_BYTES)
    .be16(svc.port, key.port);
}

function writeServiceSettings(
  writer: AttributeWriter,
  key: IpvsServiceKey,
  settings: IpvsServiceSettings,
): void {
  writer.text(svc.scheduler, settings.scheduler)
    .u32pair(svc.flags, settings.flags, FLAGS_MASK)
    .u32(svc.timeout, settings.timeoutSeconds);
  if (keyVersion(key) === 6) writer.u32(svc.netmask, settings.netmask);
  else writer.be32(svc.netmask, settings.netmask);
  if (settings.engine !== "") writer.text(svc.engine, settings.engine);
}

function writeDestinationKey(writer: AttributeWriter, key: IpvsDestinationKey): void {
  writer.u16(dest.family, familyNumber(versionOfAddress(key.address)))
    .bytes(dest.address, key.address, ADDRESS_ATTRIBUTE_BYTES)
    .be16(dest.port, key.port);
}

function writeDestinationSettings(
  writer: AttributeWriter,
  settings: IpvsDestinationSettings,
): void {
  writer.u32(dest.forwarding, settings.forwarding)
    .u32(dest.weight, settings.weight)
    .u8(dest.tunnelType, settings.tunnel.type)
    .be16(dest.tunnelPort, settings.tunnel.port)
    .u16(dest.tunnelFlags, settings.tunnel.flags)
    .u32(dest.upperThreshold, settings.upperThreshold)
    .u32(dest.lowerThreshold, settings.lowerThreshold);
}

/** Readers of the three levels of a row; a row is read to its end before the next one. */
const command = new AttributeReader();
const row = new AttributeReader();
const counters = new AttributeReader();

/** Reads a service from the payload of an answer; undefined when it is not a whole one. */
export function decodeService(payload: Uint8Array): IpvsService | undefined {
  command.read(payload, GENERIC_HEADER_BYTES);
  row.readNested(command, commandAttributes.service);
  const key = readServiceKey();
  const scheduler = row.text(svc.scheduler);
  if (key === undefined || scheduler === "" || !row.has(svc.netmask)) return undefined;
  const settings = {
    scheduler,
    flags: row.u32(svc.flags),
    timeoutSeconds: row.u32(svc.timeout),
    netmask: keyVersion(key) === 6 ? row.u32(svc.netmask) : row.be32(svc.netmask),
    engine: row.text(svc.engine),
  };
  return { key, settings, statistics: readStatistics(svc) };
}

function readServiceKey(): IpvsServiceKey | undefined {
  const version = versionOfFamily(row.u16(svc.family));
  if (version === undefined) return undefined;
  if (row.has(svc.firewallMark)) return { kind: "mark", version, mark: row.u32(svc.firewallMark) };
  if (!row.has(svc.address) || !row.has(svc.port)) return undefined;
  return {
    kind: "endpoint",
    protocol: row.u16(svc.protocol),
    address: row.bytes(svc.address, addressBytes(version)),
    port: row.be16(svc.port),
  };
}

/** Reads a real server from the payload of an answer; undefined when it is not a whole one. `serviceVersion` is its family where the kernel is silent (before linux 3.18). */
export function decodeDestination(
  payload: Uint8Array,
  serviceVersion: IpVersion,
): IpvsDestination | undefined {
  command.read(payload, GENERIC_HEADER_BYTES);
  row.readNested(command, commandAttributes.destination);
  if (!row.has(dest.address) || !row.has(dest.port)) return undefined;
  const length = addressBytes(versionOfFamily(row.u16(dest.family)) ?? serviceVersion);
  return {
    key: { address: row.bytes(dest.address, length), port: row.be16(dest.port) },
    settings: readDestinationSettings(),
    activeConnections: row.u32(dest.activeConnections),
    inactiveConnections: row.u32(dest.inactiveConnections),
    persistentConnections: row.u32(dest.persistentConnections),
    statistics: readStatistics(dest),
  };
}

function readDestinationSettings(): IpvsDestinationSettings {
  return {
    forwarding: row.u32(dest.forwarding),
    weight: row.u32(dest.weight) | 0,
    upperThreshold: row.u32(dest.upperThreshold),
    lowerThreshold: row.u32(dest.lowerThreshold),
    tunnel: {
      type: row.u8(dest.tunnelType),
      port: row.be16(dest.tunnelPort),
      flags: row.u16(dest.tunnelFlags),
    },
  };
}

/** 64-bit statistics are there since linux 4.1; before, all but the bytes are 32-bit numbers that wrap around. */
function readStatistics(
  types: { readonly statistics: number; readonly statistics64: number },
): IpvsStatistics {
  const wide = row.has(types.statistics64);
  counters.readNested(row, wide ? types.statistics64 : types.statistics);
  return {
    connections: readCount(stats.connections, wide),
    inPackets: readCount(stats.inPackets, wide),
    outPackets: readCount(stats.outPackets, wide),
    inBytes: counters.u64(stats.inBytes),
    outBytes: counters.u64(stats.outBytes),
    rates: {
      connectionsPerS: readCount(stats.connectionRate, wide),
      inPacketsPerS: readCount(stats.inPacketRate, wide),
      outPacketsPerS: readCount(stats.outPacketRate, wide),
      inBytesPerS: readCount(stats.inByteRate, wide),
      outBytesPerS: readCount(stats.outByteRate, wide),
    },
  };
}

function readCount(type: number, wide: boolean): number {
  return wide ? counters.u64(type) : counters.u32(type);
}

/** The family of a service. */
export function keyVersion(key: IpvsServiceKey): IpVersion {
  return key.kind === "mark" ? key.version : versionOfAddress(key.address);
}
