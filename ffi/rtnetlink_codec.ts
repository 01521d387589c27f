/**
 * Interface addresses and links as rtnetlink messages (rtnetlink(7), linux/if_addr.h, linux/if_link.h).
 */
import {
  familyNumber,
  type IpVersion,
  versionOfAddress,
  versionOfFamily,
} from "./address_family.ts";
import { readI32, readU16, readU32 } from "./bytes.ts";
import {
  attributeBytes,
  attributeText,
  AttributeWriter,
  findAttributes,
} from "./netlink_attribute.ts";

/** RTM_*: message types. */
export const routeMessages = {
  newLink: 16,
  getLink: 18,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
} as const;

/** IFA_*: attributes of an address. */
const addressAttributes = { address: 1, local: 2, cacheInfo: 6, flags: 8 } as const;
/** IFLA_*: attributes of a link. */
const linkAttributes = { address: 1, name: 3, extendedMask: 29 } as const;
/** RTEXT_FILTER_SKIP_STATS: without it every link comes with a kilobyte of counters. */
const SKIP_STATISTICS = 8;
/** IFA_F_NODAD: use the address at once, without asking whether somebody else has it. */
export const IFA_F_NODAD = 0x02;
/** INFINITY_LIFE_TIME. */
const FOREVER = 0xffff_ffff;
/** struct ifaddrmsg: family, prefix length, flags, scope, interface index. */
const ADDRESS_HEADER_BYTES = 8;
/** struct ifinfomsg: family, pad, type, index, flags, change mask. */
const LINK_HEADER_BYTES = 16;
const IFF_UP = 0x1;
const IFF_NOARP = 0x80;
const IFF_LOWER_UP = 0x1_0000;

/** An address on an interface; bytes in network order. */
export interface InterfaceAddress {
  readonly address: Uint8Array;
  readonly prefixLength: number;
  readonly index: number;
  /** Remaining lifetime, seconds; null for ever. */
  readonly validSeconds: number | null;
  /** How long the address is chosen for connections this machine begins, seconds; null for ever, 0 never (IPv6 only: IPv4 ignores it). */
  readonly preferredSeconds: number | null;
  /** IFA_F_* bits. */
  readonly flags: number;
}

/** A network interface. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** Administratively up. */
  readonly up: boolean;
  /** Has a carrier. */
  readonly carrier: boolean;
  /** Neither ARP nor neighbour discovery is spoken there (loopback, tunnels, dummies). */
  readonly noNeighbours: boolean;
  /** Link-layer address; empty when the interface has none. */
  readonly mac: Uint8Array;
}

/**
 * The payload of RTM_NEWADDR. Lifetimes travel in IFA_CACHEINFO (struct ifa_cacheinfo: preferred, valid,
 * two times only the kernel fills in); without it an address would live for ever.
 */
export function encodeNewAddress(address: InterfaceAddress): Uint8Array {
  const lifetime = new DataView(new ArrayBuffer(16));
  lifetime.setUint32(0, address.preferredSeconds ?? FOREVER, true);
  lifetime.setUint32(4, address.validSeconds ?? FOREVER, true);
  return encodeAddressKey(address)
    .bytes(addressAttributes.cacheInfo, new Uint8Array(lifetime.buffer))
    .finish();
}

/** The payload of RTM_DELADDR. */
export function encodeDeleteAddress(
  address: Pick<InterfaceAddress, "address" | "prefixLength" | "index">,
): Uint8Array {
  return encodeAddressKey({ ...address, flags: 0 }).finish();
}

/** Flags go into the header's eight bits, where every kernel looks for IFA_F_NODAD. */
function encodeAddressKey(
  key: Pick<InterfaceAddress, "address" | "prefixLength" | "index" | "flags">,
): AttributeWriter {
  const header = new DataView(new ArrayBuffer(ADDRESS_HEADER_BYTES));
  header.setUint8(0, familyNumber(versionOfAddress(key.address)));
  header.setUint8(1, key.prefixLength);
  header.setUint8(2, key.flags);
  header.setUint32(4, key.index, true);
  // IPv4 tells its own address (local) from the other end of a point-to-point link (address); both are ours.
  return new AttributeWriter().structure(new Uint8Array(header.buffer))
    .bytes(addressAttributes.local, key.address)
    .bytes(addressAttributes.address, key.address);
}

/** The payload that asks for all addresses of a family, or of both. */
export function encodeGetAddresses(version?: IpVersion): Uint8Array {
  const header = new Uint8Array(ADDRESS_HEADER_BYTES);
  header[0] = version === undefined ? 0 : familyNumber(version);
  return header;
}

/** Reads RTM_NEWADDR; undefined for another family or without an address. */
export function decodeAddress(payload: Uint8Array): InterfaceAddress | undefined {
  if (payload.length < ADDRESS_HEADER_BYTES) return undefined;
  if (versionOfFamily(payload[0]!) === undefined) return undefined;
  const found = findAttributes(payload, ADDRESS_HEADER_BYTES);
  const address = found[addressAttributes.local]! || found[addressAttributes.address]!;
  if (address === 0) return undefined;
  const lifetime = found[addressAttributes.cacheInfo]!;
  const flags = found[addressAttributes.flags]!;
  return {
    address: attributeBytes(payload, address),
    prefixLength: payload[1]!,
    index: readU32(payload, 4),
    preferredSeconds: lifetime === 0 ? null : seconds(payload, lifetime),
    validSeconds: lifetime === 0 ? null : seconds(payload, lifetime + 4),
    // IFA_FLAGS has the bits above the eighth, which the header cannot hold (linux 3.14).
    flags: flags === 0 ? payload[2]! : readU32(payload, flags),
  };
}

function seconds(payload: Uint8Array, offset: number): number | null {
  const value = readU32(payload, offset);
  return value === FOREVER ? null : value;
}

/** The payload that asks for one link by name, or for all. */
export function encodeGetLink(name?: string): Uint8Array {
  const message = new AttributeWriter().structure(new Uint8Array(LINK_HEADER_BYTES))
    .u32(linkAttributes.extendedMask, SKIP_STATISTICS);
  return (name === undefined ? message : message.text(linkAttributes.name, name)).finish();
}

/** Reads RTM_NEWLINK; undefined without a name. */
export function decodeLink(payload: Uint8Array): Link | undefined {
  if (payload.length < LINK_HEADER_BYTES) return undefined;
  const found = findAttributes(payload, LINK_HEADER_BYTES);
  const name = attributeText(payload, found[linkAttributes.name]!);
  if (name === "") return undefined;
  const mac = found[linkAttributes.address]!;
  const flags = readU32(payload, 8);
  return {
    name,
    index: readI32(payload, 4),
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    noNeighbours: (flags & IFF_NOARP) !== 0 || readU16(payload, 2) !== ARPHRD_ETHER,
    mac: mac === 0 ? new Uint8Array(0) : attributeBytes(payload, mac),
  };
}

/** The link type of everything that looks like Ethernet (linux/if_arp.h). */
const ARPHRD_ETHER = 1;
