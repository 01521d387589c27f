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
import { readBe16, readBe32, readU32 } from "./bytes.ts";
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
import {
  attributeNumber,
  type Attributes,
  attributeText,
  AttributeWriter,
  findAttributes,
  findNested,
} from "./netlink_attribute.ts";

/** Bytes of an address attribute (union nf_inet_addr). */
const ADDRESS_ATTRIBUTE_BYTES = 16;
/** Bytes of struct genlmsghdr: command, version, two reserved. */
export const GENERIC_HEADER_BYTES = 4;
/** All bits of the flags word. */
const FLAGS_MASK = 0xffff_ffff;

/** The generic netlink header of every command (struct genlmsghdr). */
const headers = new Map(
  Object.entries(ipvsCommands).map((
    [command, number],
  ) => [command, Uint8Array.of(number, IPVS_FAMILY_VERSION, 0, 0)]),
);

/** Begins the payload of an IPVS message with the header of a command. */
export function ipvsMessage(
  command: keyof typeof ipvsCommands,
  writer: AttributeWriter = new AttributeWriter(),
): AttributeWriter {
  return writer.begin().structure(headers.get(command)!);
}

/** The payload of a change, built with `writer`. */
export function encodeChange(
  change: IpvsChange,
  writer: AttributeWriter = new AttributeWriter(),
): Uint8Array {
  const message = ipvsMessage(change.command, writer);
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
    .bytes(svc.address, key.address, ADDRESS_ATTRIBUTE_BYTES)
    .be16(svc.port, key.port);
}

function encodeServiceSettings(
  message: AttributeWriter,
  key: IpvsServiceKey,
  settings: IpvsServiceSettings,
): void {
  message.text(svc.scheduler, settings.scheduler)
    .u32pair(svc.flags, settings.flags, FLAGS_MASK)
    .u32(svc.timeout, settings.timeoutSeconds);
  if (keyVersion(key) === 6) message.u32(svc.netmask, settings.netmask);
  else message.be32(svc.netmask, settings.netmask);
  if (settings.engine !== "") message.text(svc.engine, settings.engine);
}

function encodeDestinationKey(message: AttributeWriter, key: IpvsDestinationKey): void {
  message.u16(dest.family, familyNumber(versionOfAddress(key.address)))
    .bytes(dest.address, key.address, ADDRESS_ATTRIBUTE_BYTES)
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
  const found = findInCommand(payload, commandAttributes.service);
  const key = decodeServiceKey(payload, found);
  const netmask = found[svc.netmask]!;
  const scheduler = attributeText(payload, found[svc.scheduler]!);
  if (key === undefined || netmask === 0 || scheduler === "") return undefined;
  const settings = {
    scheduler,
    flags: attributeNumber(payload, found[svc.flags]!, 32),
    timeoutSeconds: attributeNumber(payload, found[svc.timeout]!, 32),
    netmask: keyVersion(key) === 6 ? readU32(payload, netmask) : readBe32(payload, netmask),
    engine: attributeText(payload, found[svc.engine]!),
  };
  return { key, settings, statistics: decodeStatistics(payload, found[svc.statistics64]!) };
}

function findInCommand(payload: Uint8Array, type: number): Attributes {
  return findNested(payload, findAttributes(payload, GENERIC_HEADER_BYTES)[type]!);
}

function decodeServiceKey(payload: Uint8Array, found: Attributes): IpvsServiceKey | undefined {
  const version = versionOfFamily(attributeNumber(payload, found[svc.family]!, 16));
  if (version === undefined) return undefined;
  const mark = found[svc.firewallMark]!;
  if (mark !== 0) return { kind: "mark", version, mark: attributeNumber(payload, mark, 32) };
  const address = found[svc.address]!;
  const port = found[svc.port]!;
  if (address === 0 || port === 0) return undefined;
  return {
    kind: "endpoint",
    protocol: attributeNumber(payload, found[svc.protocol]!, 16),
    address: payload.slice(address, address + addressBytes(version)),
    port: readBe16(payload, port),
  };
}

/** Reads a real server from the payload of an answer; undefined when it is not a whole one. `serviceVersion` is its family where the kernel is silent (before linux 3.18). */
export function decodeDestination(
  payload: Uint8Array,
  serviceVersion: IpVersion,
): IpvsDestination | undefined {
  const found = findInCommand(payload, commandAttributes.destination);
  const address = found[dest.address]!;
  const port = found[dest.port]!;
  if (address === 0 || port === 0) return undefined;
  const number = (type: number) => attributeNumber(payload, found[type]!, 32);
  const family = attributeNumber(payload, found[dest.family]!, 16);
  const length = addressBytes(versionOfFamily(family) ?? serviceVersion);
  return {
    key: { address: payload.slice(address, address + length), port: readBe16(payload, port) },
    settings: decodeDestinationSettings(payload, found),
    activeConnections: number(dest.activeConnections),
    inactiveConnections: number(dest.inactiveConnections),
    persistentConnections: number(dest.persistentConnections),
    statistics: decodeStatistics(payload, found[dest.statistics64]!),
  };
}

function decodeDestinationSettings(
  payload: Uint8Array,
  found: Attributes,
): IpvsDestinationSettings {
  const number = (type: number) => attributeNumber(payload, found[type]!, 32);
  const tunnelPort = found[dest.tunnelPort]!;
  return {
    forwarding: number(dest.forwarding),
    weight: number(dest.weight) | 0,
    upperThreshold: number(dest.upperThreshold),
    lowerThreshold: number(dest.lowerThreshold),
    tunnel: {
      type: attributeNumber(payload, found[dest.tunnelType]!, 8),
      port: tunnelPort === 0 ? 0 : readBe16(payload, tunnelPort),
      flags: attributeNumber(payload, found[dest.tunnelFlags]!, 16),
    },
  };
}

/** 64-bit statistics are there since linux 4.1; without them everything is 0. */
function decodeStatistics(payload: Uint8Array, at: number): IpvsStatistics {
  const found = findNested(payload, at);
  const number = (type: number) => attributeNumber(payload, found[type]!, 64);
  return {
    connections: number(stats.connections),
    inPackets: number(stats.inPackets),
    outPackets: number(stats.outPackets),
    inBytes: number(stats.inBytes),
    outBytes: number(stats.outBytes),
  };
}

/** The family of a service. */
export function keyVersion(key: IpvsServiceKey): IpVersion {
  return key.kind === "mark" ? key.version : versionOfAddress(key.address);
}
