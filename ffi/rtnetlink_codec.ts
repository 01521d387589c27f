/**
 * Interface addresses and links as rtnetlink messages (rtnetlink(7), linux/if_addr.h, linux/if_link.h).
 */
import { familyNumber, versionOfAddress, versionOfFamily } from "./address_family.ts";
import { readI32, readU16, readU32, writeU32 } from "./bytes.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";

/** RTM_*: message types. */
export const routeMessages = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  getRoute: 26,
} as const;

/** IFA_*: attributes of an address. */
const addressAttributes = { address: 1, local: 2, label: 3, cacheInfo: 6, flags: 8 } as const;
/** RTA_*: attributes of a route. */
const routeAttributes = { destination: 1, outInterface: 4, gateway: 5 } as const;
/** Bytes of struct rtmsg: family, two prefix lengths, TOS, table, protocol, scope, type, flags. */
const ROUTE_HEADER_BYTES = 12;
/** IFLA_*: attributes of a link. */
const linkAttributes = { address: 1, name: 3, extendedMask: 29 } as const;
/** RTEXT_FILTER_SKIP_STATS: without it every link comes with a kilobyte of counters. */
const SKIP_STATISTICS = 8;
/** IFA_F_NODAD: use the address at once, without asking whether somebody else has it. */
export const IFA_F_NODAD = 0x02;
/** IFNAMSIZ without the closing zero: bytes of an interface's name, and of an address label. Longer ones are refused (ERANGE). */
export const INTERFACE_NAME_BYTES_MAX = 15;
/** INFINITY_LIFE_TIME. */
const FOREVER = 0xffff_ffff;
/** struct ifaddrmsg: family, prefix length, flags, scope, interface index. */
const ADDRESS_HEADER_BYTES = 8;
/** Bytes of struct ifinfomsg: family, pad, type, index, flags, change mask. */
export const LINK_HEADER_BYTES = 16;
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
  /**
   * IPv4 only: a name of its own for the address, `eth0:1`, at most {@link INTERFACE_NAME_BYTES_MAX} bytes. Without
   * one the kernel takes, and reports, the interface's name. It is given once: renewing an address does not change it.
   */
  readonly label?: string;
}

/** What tells an address from others. */
export type AddressKey = Pick<InterfaceAddress, "address" | "prefixLength" | "index">;

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
 * Appends the payload of RTM_NEWADDR. Lifetimes travel in IFA_CACHEINFO (struct ifa_cacheinfo: preferred,
 * valid, two times only the kernel fills in); without it an address would live for ever.
 */
export function writeNewAddress(writer: AttributeWriter, address: InterfaceAddress): void {
  const lifetimes = new Uint8Array(16);
  writeU32(lifetimes, address.preferredSeconds ?? FOREVER, 0);
  writeU32(lifetimes, address.validSeconds ?? FOREVER, 4);
  writeAddressKey(writer, address, address.flags);
  const version = versionOfAddress(address.address);
  if (version === 4 && address.label !== undefined) {
    writer.text(addressAttributes.label, address.label);
  }
  writer.bytes(addressAttributes.cacheInfo, lifetimes);
}

/** Appends the payload of RTM_DELADDR. */
export function writeDeleteAddress(writer: AttributeWriter, address: AddressKey): void {
  writeAddressKey(writer, address, 0);
}

/** struct ifaddrmsg, then the address. Flags go into the header's eight bits, where every kernel looks for IFA_F_NODAD. */
function writeAddressKey(writer: AttributeWriter, key: AddressKey, flags: number): void {
  const family = familyNumber(versionOfAddress(key.address));
  writer.word(family | (key.prefixLength << 8) | (flags << 16)).word(key.index);
  // IPv4 tells its own address (local) from the other end of a point-to-point link (address); both are ours.
  writer.bytes(addressAttributes.local, key.address).bytes(addressAttributes.address, key.address);
}

/** Appends the payload that asks for all addresses of both families. */
export function writeGetAddresses(writer: AttributeWriter): void {
  writer.structure(new Uint8Array(ADDRESS_HEADER_BYTES));
}

/** Reads RTM_NEWADDR; undefined for another family or without an address. */
export function decodeAddress(payload: Uint8Array): InterfaceAddress | undefined {
  if (payload.length < ADDRESS_HEADER_BYTES) return undefined;
  if (versionOfFamily(payload[0]!) === undefined) return undefined;
  const found = new AttributeReader().read(payload, ADDRESS_HEADER_BYTES);
  const { address, local, label, cacheInfo, flags } = addressAttributes;
  const own = found.has(local) ? local : address;
  if (!found.has(own)) return undefined;
  return {
    address: found.bytes(own),
    prefixLength: payload[1]!,
    index: readU32(payload, 4),
    preferredSeconds: found.has(cacheInfo) ? seconds(found.u32(cacheInfo)) : null,
    validSeconds: found.has(cacheInfo) ? seconds(found.u32(cacheInfo, 4)) : null,
    // IFA_FLAGS has the bits above the eighth, which the header cannot hold (linux 3.14).
    flags: found.has(flags) ? found.u32(flags) : payload[2]!,
    ...(found.has(label) ? { label: found.text(label) } : {}),
  };
}

function seconds(lifetime: number): number | null {
  return lifetime === FOREVER ? null : lifetime;
}

/** Appends the payload that asks for one link by name, or for all. */
export function writeGetLink(writer: AttributeWriter, name?: string): void {
  writer.structure(new Uint8Array(LINK_HEADER_BYTES));
  writer.u32(linkAttributes.extendedMask, SKIP_STATISTICS);
  if (name !== undefined) writer.text(linkAttributes.name, name);
}

/** Reads RTM_NEWLINK; undefined without a name. */
export function decodeLink(payload: Uint8Array): Link | undefined {
  if (payload.length < LINK_HEADER_BYTES) return undefined;
  const found = new AttributeReader().read(payload, LINK_HEADER_BYTES);
  const name = found.text(linkAttributes.name);
  if (name === "") return undefined;
  const flags = readU32(payload, 8);
  return {
    name,
    index: readI32(payload, 4),
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    noNeighbours: (flags & IFF_NOARP) !== 0 || readU16(payload, 2) !== ARPHRD_ETHER,
    mac: found.bytes(linkAttributes.address),
  };
}

/** The link type of everything that looks like Ethernet (linux/if_arp.h). */
const ARPHRD_ETHER = 1;

/** A way that is asked for: whither, and by which interface (its index). */
export interface RouteQuestion {
  readonly destination: Uint8Array;
  readonly index: number;
}

/** Appends the payload of RTM_GETROUTE that asks for the way to one address, as `ip route get ADDRESS oif DEVICE`. */
export function writeGetRoute(writer: AttributeWriter, question: RouteQuestion): void {
  const { destination, index } = question;
  const header = new Uint8Array(ROUTE_HEADER_BYTES);
  header[0] = familyNumber(versionOfAddress(destination));
  header[1] = 8 * destination.length;
  writer.structure(header);
  writer.bytes(routeAttributes.destination, destination);
  writer.u32(routeAttributes.outInterface, index);
}

/** The gateway of a route (RTM_NEWROUTE); undefined for one without. */
export function decodeGateway(payload: Uint8Array): Uint8Array | undefined {
  if (payload.length < ROUTE_HEADER_BYTES) return undefined;
  const found = new AttributeReader().read(payload, ROUTE_HEADER_BYTES);
  return found.has(routeAttributes.gateway) ? found.bytes(routeAttributes.gateway) : undefined;
}
