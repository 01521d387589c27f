/**
 * UDP ports on which the kernel takes packets that are wrapped in UDP, as generic netlink messages (linux/fou.h):
 * foo over UDP (FOU) and generic UDP encapsulation (GUE).
 */
import { addressBytes, familyNumber, type IpVersion, versionOfFamily } from "./address_family.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";

/** FOU_GENL_NAME. */
export const FOU_FAMILY_NAME = "fou";
/** FOU_GENL_VERSION. */
const FOU_FAMILY_VERSION = 1;
/** Bytes of struct genlmsghdr: command, version, two reserved. */
const GENERIC_HEADER_BYTES = 4;

/** FOU_CMD_*. */
const fouCommands = { add: 1, delete: 2, get: 3 } as const;
/** FOU_ATTR_*. */
const fouAttributes = { port: 1, family: 2, protocol: 3, type: 4, localV4: 6, localV6: 7 } as const;
/** FOU_ENCAP_*. */
const encapsulations = { fou: 1, gue: 2 } as const;

/** Identifies a port: the families have ports of their own. */
export interface FouPortKey {
  readonly port: number;
  /** Family of the outer packets. */
  readonly version: IpVersion;
}

/** A port as the kernel reports it. */
export interface FouPort extends FouPortKey {
  /** GUE packets say themselves what is inside; FOU ports have one protocol. */
  readonly encapsulation: keyof typeof encapsulations;
  /** What is inside (IPPROTO_*); 0 for GUE. */
  readonly protocol: number;
  /** The only address packets are taken at; zeros for every address. */
  readonly local: Uint8Array;
}

function writeFouCommand(writer: AttributeWriter, name: keyof typeof fouCommands): AttributeWriter {
  return writer.word(fouCommands[name] | (FOU_FAMILY_VERSION << 8));
}

/** Appends the payload that opens a port for GUE, at every address of its family. */
export function writeAddGuePort(writer: AttributeWriter, { port, version }: FouPortKey): void {
  writeFouCommand(writer, "add").be16(fouAttributes.port, port)
    .u8(fouAttributes.type, encapsulations.gue)
    .u8(fouAttributes.family, familyNumber(version));
}

/** Appends the payload that closes a port which takes packets at every address. */
export function writeDeleteFouPort(writer: AttributeWriter, { port, version }: FouPortKey): void {
  writeFouCommand(writer, "delete").be16(fouAttributes.port, port)
    .u8(fouAttributes.family, familyNumber(version));
}

/** Appends the payload that asks for all ports of both families. */
export function writeGetFouPorts(writer: AttributeWriter): void {
  writeFouCommand(writer, "get");
}

/** Reads a port from the payload of an answer; undefined when it is not a whole one. */
export function decodeFouPort(payload: Uint8Array): FouPort | undefined {
  const found = new AttributeReader().read(payload, GENERIC_HEADER_BYTES);
  const version = versionOfFamily(found.u8(fouAttributes.family));
  if (version === undefined || !found.has(fouAttributes.port)) return undefined;
  const local = found.bytes(version === 4 ? fouAttributes.localV4 : fouAttributes.localV6);
  return {
    port: found.be16(fouAttributes.port),
    version,
    encapsulation: found.u8(fouAttributes.type) === encapsulations.gue ? "gue" : "fou",
    protocol: found.u8(fouAttributes.protocol),
    // Before linux 5.2 a port had no address of its own.
    local: local.length > 0 ? local : new Uint8Array(addressBytes(version)),
  };
}
