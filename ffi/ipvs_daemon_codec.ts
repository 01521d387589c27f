/**
 * Sync daemons, timeouts and general facts of IPVS as generic netlink messages (linux/ip_vs.h).
 *
 * Quirk: the attribute of the IPv4 multicast group is an address in network order, the port is a number
 * in machine order, unlike every other port of this family (ip_vs_genl_new_daemon in ip_vs_ctl.c).
 */
import { GENERIC_HEADER_BYTES, writeCommand } from "./ipvs_codec.ts";
import {
  commandAttributes,
  daemonAttributes as daemon,
  daemonRoles,
  infoAttributes,
} from "./ipvs_constants.ts";
import type { IpvsDaemon, IpvsTimeouts } from "./ipvs_types.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";

/** Appends the payload that starts a sync daemon. */
export function writeNewDaemon(writer: AttributeWriter, settings: IpvsDaemon): void {
  const start = writeCommand(writer, "newDaemon").open(commandAttributes.daemon);
  writer.u32(daemon.state, daemonRoles[settings.role])
    .text(daemon.interface, settings.interface)
    .u32(daemon.syncId, settings.syncId);
  if (settings.maxLength !== undefined) writer.u16(daemon.maxLength, settings.maxLength);
  if (settings.port !== undefined) writer.u16(daemon.port, settings.port);
  if (settings.ttl !== undefined) writer.u8(daemon.ttl, settings.ttl);
  if (settings.group?.length === 4) writer.bytes(daemon.group, settings.group);
  if (settings.group?.length === 16) writer.bytes(daemon.group6, settings.group);
  writer.close(start);
}

/** Appends the payload that stops the sync daemon of a role. */
export function writeDeleteDaemon(writer: AttributeWriter, role: IpvsDaemon["role"]): void {
  const start = writeCommand(writer, "deleteDaemon").open(commandAttributes.daemon);
  writer.u32(daemon.state, daemonRoles[role]).close(start);
}

/** Reads a sync daemon from the payload of an answer; undefined when it is not a whole one. */
export function decodeDaemon(payload: Uint8Array): Required<IpvsDaemon> | undefined {
  const command = new AttributeReader().read(payload, GENERIC_HEADER_BYTES);
  const found = new AttributeReader().readNested(command, commandAttributes.daemon);
  const name = found.text(daemon.interface);
  if (!found.has(daemon.state) || name === "" || !found.has(daemon.syncId)) return undefined;
  return {
    role: found.u32(daemon.state) === daemonRoles.master ? "master" : "backup",
    interface: name,
    syncId: found.u32(daemon.syncId),
    maxLength: found.u16(daemon.maxLength),
    group: found.bytes(found.has(daemon.group6) ? daemon.group6 : daemon.group),
    port: found.u16(daemon.port),
    ttl: found.u8(daemon.ttl),
  };
}

/** Appends the payload that sets connection timeouts. */
export function writeTimeouts(writer: AttributeWriter, timeouts: IpvsTimeouts): void {
  writeCommand(writer, "setConfig").u32(commandAttributes.timeoutTcp, timeouts.tcpSeconds)
    .u32(commandAttributes.timeoutTcpFin, timeouts.tcpFinSeconds)
    .u32(commandAttributes.timeoutUdp, timeouts.udpSeconds);
}

/** Reads connection timeouts from the payload of an answer; a protocol the kernel lacks has 0. */
export function decodeTimeouts(payload: Uint8Array): IpvsTimeouts {
  const found = new AttributeReader().read(payload, GENERIC_HEADER_BYTES);
  return {
    tcpSeconds: found.u32(commandAttributes.timeoutTcp),
    tcpFinSeconds: found.u32(commandAttributes.timeoutTcpFin),
    udpSeconds: found.u32(commandAttributes.timeoutUdp),
  };
}

/** What the kernel tells about its IPVS. */
export interface IpvsInfo {
  /** `1.2.1`. */
  readonly version: string;
  /** Buckets of the connection hash table. */
  readonly connectionTableSize: number;
}

/** Reads version and table size from the payload of an answer; undefined when they are not there. */
export function decodeInfo(payload: Uint8Array): IpvsInfo | undefined {
  const found = new AttributeReader().read(payload, GENERIC_HEADER_BYTES);
  const { version, connectionTableSize } = infoAttributes;
  if (!found.has(version) || !found.has(connectionTableSize)) return undefined;
  // NVERSION in linux/ip_vs.h packs three bytes.
  const number = found.u32(version);
  return {
    version: `${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`,
    connectionTableSize: found.u32(connectionTableSize),
  };
}
