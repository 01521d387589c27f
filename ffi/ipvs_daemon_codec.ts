/**
 * Sync daemons, timeouts and general facts of IPVS as generic netlink messages (linux/ip_vs.h).
 *
 * Quirk: the attribute of the IPv4 multicast group is an address in network order, the port is a number
 * in machine order, unlike every other port of this family (ip_vs_genl_new_daemon in ip_vs_ctl.c).
 */
import { GENERIC_HEADER_BYTES, ipvsMessage } from "./ipvs_codec.ts";
import {
  commandAttributes,
  daemonAttributes as daemon,
  daemonRoles,
  infoAttributes,
} from "./ipvs_constants.ts";
import type { IpvsDaemon, IpvsTimeouts } from "./ipvs_types.ts";
import {
  attributeBytes,
  attributeNumber,
  attributeText,
  findAttributes,
  findNested,
} from "./netlink_attribute.ts";

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
  const found = findNested(
    payload,
    findAttributes(payload, GENERIC_HEADER_BYTES)[commandAttributes.daemon]!,
  );
  const name = attributeText(payload, found[daemon.interface]!);
  if (found[daemon.state] === 0 || name === "" || found[daemon.syncId] === 0) return undefined;
  const state = attributeNumber(payload, found[daemon.state]!, 32);
  const group = found[daemon.group]! || found[daemon.group6]!;
  return {
    role: state === daemonRoles.master ? "master" : "backup",
    interface: name,
    syncId: attributeNumber(payload, found[daemon.syncId]!, 32),
    maxLength: attributeNumber(payload, found[daemon.maxLength]!, 16),
    group: group === 0 ? new Uint8Array(4) : attributeBytes(payload, group),
    port: attributeNumber(payload, found[daemon.port]!, 16),
    ttl: attributeNumber(payload, found[daemon.ttl]!, 8),
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
  const found = findAttributes(payload, GENERIC_HEADER_BYTES);
  const seconds = (type: number) => attributeNumber(payload, found[type]!, 32);
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
  const found = findAttributes(payload, GENERIC_HEADER_BYTES);
  const version = found[infoAttributes.version]!;
  const size = found[infoAttributes.connectionTableSize]!;
  if (version === 0 || size === 0) return undefined;
  // NVERSION in linux/ip_vs.h packs three bytes.
  const number = attributeNumber(payload, version, 32);
  return {
    version: `${(number >> 16) & 0xff}.${(number >> 8) & 0xff}.${number & 0xff}`,
    connectionTableSize: attributeNumber(payload, size, 32),
  };
}
