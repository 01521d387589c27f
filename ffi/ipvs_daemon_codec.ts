/**
 * Sync daemons, timeouts and general facts of IPVS as generic netlink messages (linux/ip_vs.h).
 *
 * Quirk: the attribute of the IPv4 multicast group is an address in network order, the port is a number
 * in machine order, unlike every other port of this family (ip_vs_genl_new_daemon in ip_vs_ctl.c).
 */
import { readText, readU16, readU32 } from "./bytes.ts";
import { GENERIC_HEADER_BYTES, ipvsMessage } from "./ipvs_codec.ts";
import {
  commandAttributes,
  daemonAttributes as daemon,
  daemonRoles,
  infoAttributes,
} from "./ipvs_constants.ts";
import type { IpvsDaemon, IpvsTimeouts } from "./ipvs_types.ts";
import { readAttributes } from "./netlink_attribute.ts";

/** The payload that starts a sync daemon. */
export function encodeNewDaemon(settings: IpvsDaemon): Uint8Array {
  const message = ipvsMessage("newDaemon");
  return message.nested(commandAttributes.daemon, () => {
    message.u32(daemon.state, daemonRoles[settings.role])
      .text(daemon.interface, settings.interface)
      .u32(daemon.syncId, settings.syncId);
    if (settings.maxLength !== undefined) message.u16(daemon.maxLength, settings.maxLength);
    if (settings.port !== undefined) message.u16(daemon.port, settings.port);
    if (settings.ttl !== undefined) message.u8(daemon.ttl, settings.ttl);
    if (settings.group?.length === 4) message.bytes(daemon.group, settings.group);
    if (settings.group?.length === 16) message.bytes(daemon.group6, settings.group);
  }).finish();
}

/** The payload that stops the sync daemon of a role. */
export function encodeDeleteDaemon(role: IpvsDaemon["role"]): Uint8Array {
  const message = ipvsMessage("deleteDaemon");
  return message.nested(commandAttributes.daemon, () => {
    message.u32(daemon.state, daemonRoles[role]);
  }).finish();
}

/** Reads a sync daemon from the payload of an answer; undefined when it is not a whole one. */
export function decodeDaemon(payload: Uint8Array): Required<IpvsDaemon> | undefined {
  const nested = readAttributes(payload, GENERIC_HEADER_BYTES)[commandAttributes.daemon];
  if (nested === undefined) return undefined;
  const found = readAttributes(nested);
  const state = found[daemon.state];
  const name = found[daemon.interface];
  const syncId = found[daemon.syncId];
  if (state === undefined || name === undefined || syncId === undefined) return undefined;
  const maxLength = found[daemon.maxLength];
  const port = found[daemon.port];
  return {
    role: readU32(state) === daemonRoles.master ? "master" : "backup",
    interface: readText(name),
    syncId: readU32(syncId),
    maxLength: maxLength === undefined ? 0 : readU16(maxLength),
    group: (found[daemon.group] ?? found[daemon.group6] ?? new Uint8Array(4)).slice(),
    port: port === undefined ? 0 : readU16(port),
    ttl: found[daemon.ttl]?.[0] ?? 0,
  };
}

/** The payload that sets connection timeouts. */
export function encodeTimeouts(timeouts: IpvsTimeouts): Uint8Array {
  return ipvsMessage("setConfig").u32(commandAttributes.timeoutTcp, timeouts.tcpSeconds)
    .u32(commandAttributes.timeoutTcpFin, timeouts.tcpFinSeconds)
    .u32(commandAttributes.timeoutUdp, timeouts.udpSeconds)
    .finish();
}

/** Reads connection timeouts from the payload of an answer; a protocol the kernel lacks has 0. */
export function decodeTimeouts(payload: Uint8Array): IpvsTimeouts {
  const found = readAttributes(payload, GENERIC_HEADER_BYTES);
  const seconds = (type: number) => found[type] === undefined ? 0 : readU32(found[type]);
  return {
    tcpSeconds: seconds(commandAttributes.timeoutTcp),
    tcpFinSeconds: seconds(commandAttributes.timeoutTcpFin),
    udpSeconds: seconds(commandAttributes.timeoutUdp),
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
  const found = readAttributes(payload, GENERIC_HEADER_BYTES);
  const version = found[infoAttributes.version];
  const size = found[infoAttributes.connectionTableSize];
  if (version === undefined || size === undefined) return undefined;
  // NVERSION in linux/ip_vs.h packs three bytes.
  const number = readU32(version);
  return {
    version: `${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`,
    connectionTableSize: readU32(size),
  };
}
