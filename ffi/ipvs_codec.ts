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
import { readBe16, readBe32, readI32, readText, readU16, readU32, readU64 } from "./bytes.ts";
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
import { type Attributes, AttributeWriter, readAttributes } from "./netlink_attribute.ts";

/** Bytes of an address attribute (union nf_inet_addr). */
const ADDRESS_ATTRIBUTE_BYTES = 16;
/** Bytes of struct genlmsghdr: command, version, two reserved. */
export const GENERIC_HEADER_BYTES = 4;
/** All bits of the flags word. */
const FLAGS_MASK = 0xffff_ffff;

/** Begins the payload of an IPVS message: the generic netlink header of a command. */
export function ipvsMessage(command: keyof typeof ipvsCommands): AttributeWriter {
  return new AttributeWriter().structure(
    Uint8Array.of(ipvsCommands[command], IPVS_FAMILY_VERSION, 0, 0),
  );
}

/** The payload of a change. */
export function encodeChange(change: IpvsChange): Uint8Array {
  const message = ipvsMessage(change.command);
  message.nested(commandAttributes.service, () => {
    encodeServiceKey(message, change.service);
    if (change.command === "newService" || change.command === "setService") {
      encodeServiceSettings(message, change.service, change.settings);
    }
  });
  if ("destination" in change) {
    message.nested(commandAttributes.destination, () => {
      encodeDestinationKey(message, change.destination);
      if (change.command !== "deleteDestination") {
        encodeDestinationSettings(message, change.settings);
      }
    });
  }
  return message.finish();
}

/** The payload that asks for one service, or for the real servers of it. */
export function encodeGet(
  command: "getService" | "getDestination",
  service: IpvsServiceKey,
): Uint8Array {
  const message = ipvsMessage(command);
  return message.nested(commandAttributes.service, () => encodeServiceKey(message, service))
    .finish();
}

function encodeServiceKey(message: AttributeWriter, key: IpvsServiceKey): void {
  if (key.kind === "mark") {
    message.u16(svc.family, familyNumber(key.version)).u32(svc.firewallMark, key.mark);
    return;
  }
  message.u16(svc.family, familyNumber(versionOfAddress(key.address)))
    .u16(svc.protocol, key.protocol)
    .bytes(svc.address, padAddress(key.address))
    .be16(svc.port, key.port);
}

function encodeServiceSettings(
  message: AttributeWriter,
  key: IpvsServiceKey,
  settings: IpvsServiceSettings,
): void {
  const flags = new DataView(new ArrayBuffer(8));
  flags.setUint32(0, settings.flags, true);
  flags.setUint32(4, FLAGS_MASK, true);
  const netmask = new DataView(new ArrayBuffer(4));
  netmask.setUint32(0, settings.netmask, keyVersion(key) === 6);
  message.text(svc.scheduler, settings.scheduler)
    .bytes(svc.flags, new Uint8Array(flags.buffer))
    .u32(svc.timeout, settings.timeoutSeconds)
    .bytes(svc.netmask, new Uint8Array(netmask.buffer));
  if (settings.engine !== "") message.text(svc.engine, settings.engine);
}

function encodeDestinationKey(message: AttributeWriter, key: IpvsDestinationKey): void {
  message.u16(dest.family, familyNumber(versionOfAddress(key.address)))
    .bytes(dest.address, padAddress(key.address))
    .be16(dest.port, key.port);
}

function encodeDestinationSettings(
  message: AttributeWriter,
  settings: IpvsDestinationSettings,
): void {
  message.u32(dest.forwarding, settings.forwarding)
    .u32(dest.weight, settings.weight)
    .u8(dest.tunnelType, settings.tunnel.type)
    .be16(dest.tunnelPort, settings.tunnel.port)
    .u16(dest.tunnelFlags, settings.tunnel.flags)
    .u32(dest.upperThreshold, settings.upperThreshold)
    .u32(dest.lowerThreshold, settings.lowerThreshold);
}

/** Reads a service from the payload of an answer; undefined when it is not a whole one. */
export function decodeService(payload: Uint8Array): IpvsService | undefined {
  const nested = readAttributes(payload, GENERIC_HEADER_BYTES)[commandAttributes.service];
  if (nested === undefined) return undefined;
  const found = readAttributes(nested);
  const key = decodeServiceKey(found);
  const flags = found[svc.flags];
  const netmask = found[svc.netmask];
  const scheduler = found[svc.scheduler];
  if (!key || !flags || !netmask || !scheduler) return undefined;
  const engine = found[svc.engine];
  const settings = {
    scheduler: readText(scheduler),
    flags: readU32(flags),
    timeoutSeconds: u32(found[svc.timeout]),
    netmask: keyVersion(key) === 6 ? readU32(netmask) : readBe32(netmask),
    engine: engine === undefined ? "" : readText(engine),
  };
  return { key, settings, statistics: decodeStatistics(found[svc.statistics64]) };
}

function decodeServiceKey(found: Attributes): IpvsServiceKey | undefined {
  const version = versionOfFamily(u16(found[svc.family]));
  if (version === undefined) return undefined;
  const mark = found[svc.firewallMark];
  if (mark !== undefined) return { kind: "mark", version, mark: readU32(mark) };
  const address = found[svc.address];
  const port = found[svc.port];
  if (address === undefined || port === undefined) return undefined;
  return {
    kind: "endpoint",
    protocol: u16(found[svc.protocol]),
    address: address.slice(0, addressBytes(version)),
    port: readBe16(port),
  };
}

/** Reads a real server from the payload of an answer; undefined when it is not a whole one. `serviceVersion` is its family where the kernel is silent (before linux 3.18). */
export function decodeDestination(
  payload: Uint8Array,
  serviceVersion: IpVersion,
): IpvsDestination | undefined {
  const nested = readAttributes(payload, GENERIC_HEADER_BYTES)[commandAttributes.destination];
  if (nested === undefined) return undefined;
  const found = readAttributes(nested);
  const address = found[dest.address];
  const port = found[dest.port];
  if (address === undefined || port === undefined) return undefined;
  const version = versionOfFamily(u16(found[dest.family])) ?? serviceVersion;
  return {
    key: { address: address.slice(0, addressBytes(version)), port: readBe16(port) },
    settings: decodeDestinationSettings(found),
    activeConnections: u32(found[dest.activeConnections]),
    inactiveConnections: u32(found[dest.inactiveConnections]),
    persistentConnections: u32(found[dest.persistentConnections]),
    statistics: decodeStatistics(found[dest.statistics64]),
  };
}

function decodeDestinationSettings(found: Attributes): IpvsDestinationSettings {
  const weight = found[dest.weight];
  const tunnelPort = found[dest.tunnelPort];
  return {
    forwarding: u32(found[dest.forwarding]),
    weight: weight === undefined ? 0 : readI32(weight),
    upperThreshold: u32(found[dest.upperThreshold]),
    lowerThreshold: u32(found[dest.lowerThreshold]),
    tunnel: {
      type: found[dest.tunnelType]?.[0] ?? 0,
      port: tunnelPort === undefined ? 0 : readBe16(tunnelPort),
      flags: u16(found[dest.tunnelFlags]),
    },
  };
}

/** 64-bit statistics are there since linux 4.1; without them everything is 0. */
function decodeStatistics(nested: Uint8Array | undefined): IpvsStatistics {
  const found = nested === undefined ? [] : readAttributes(nested);
  return {
    connections: u64(found[stats.connections]),
    inPackets: u64(found[stats.inPackets]),
    outPackets: u64(found[stats.outPackets]),
    inBytes: u64(found[stats.inBytes]),
    outBytes: u64(found[stats.outBytes]),
  };
}

/** The family of a service. */
export function keyVersion(key: IpvsServiceKey): IpVersion {
  return key.kind === "mark" ? key.version : versionOfAddress(key.address);
}

function padAddress(address: Uint8Array): Uint8Array {
  const padded = new Uint8Array(ADDRESS_ATTRIBUTE_BYTES);
  padded.set(address);
  return padded;
}

function u16(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : readU16(bytes);
}

function u32(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : readU32(bytes);
}

function u64(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : readU64(bytes);
}
