/**
 * IP addresses and endpoints as canonical text.
 *
 * Everything above the codecs names an address by its canonical spelling (RFC 5952 for IPv6), so two
 * values are the same address exactly when the strings are equal, and maps and JSON need no wrapper.
 */
import ipaddr from "ipaddr.js";

/** A canonical IPv4 or IPv6 address without prefix, zone or brackets, made by {@link parseIp}. */
export type Ip = string;

/** Address family as IPVS and rtnetlink number it in words. */
export type Family = 4 | 6;

/** An address and a port. */
export interface Endpoint {
  readonly address: Ip;
  readonly port: number;
}

/** Highest TCP or UDP port (RFC 6335, section 6). */
export const PORT_MAX = 65_535;

/** Reads one address; undefined when the text is not exactly one IPv4 (four decimal parts) or IPv6 address. */
export function parseIp(text: string): Ip | undefined {
  if (text.includes("%")) return undefined;
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString();
  if (ipaddr.IPv6.isValid(text)) return canonicalIpv6(ipaddr.IPv6.parse(text));
  return undefined;
}

function canonicalIpv6(value: ipaddr.IPv6): Ip {
  // An IPv4-mapped address names the same host as the IPv4 address (RFC 4291, 2.5.5.2).
  return value.isIPv4MappedAddress() ? value.toIPv4Address().toString() : value.toRFC5952String();
}

/** The family of a canonical address. */
export function ipFamily(ip: Ip): Family {
  return ip.includes(":") ? 6 : 4;
}

/** The network-order bytes of a canonical address: 4 or 16 of them. */
export function ipToBytes(ip: Ip): Uint8Array {
  return Uint8Array.from(ipaddr.parse(ip).toByteArray());
}

/** The canonical address of 4 or 16 network-order bytes. A mapped IPv4 address becomes IPv4. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  const value = ipaddr.fromByteArray([...bytes]);
  return value.kind() === "ipv4" ? value.toString() : canonicalIpv6(value as ipaddr.IPv6);
}

/** Whether `ip` lies in the network of `address`/`prefixLength`. Different families never match. */
export function inSubnet(ip: Ip, address: Ip, prefixLength: number): boolean {
  if (ipFamily(ip) !== ipFamily(address)) return false;
  return ipaddr.parse(ip).match(ipaddr.parse(address), prefixLength);
}

/** Whether packets to this address can be balanced: not unspecified, loopback, multicast, broadcast or link-local. */
export function isUsableVip(ip: Ip): boolean {
  const range = ipaddr.parse(ip).range();
  return !["unspecified", "loopback", "multicast", "broadcast", "linkLocal"].includes(range);
}

/** The length of a prefix that covers one host: 32 or 128. */
export function hostPrefixLength(ip: Ip): number {
  return ipFamily(ip) === 4 ? 32 : 128;
}

/** Writes `192.0.2.1:80` or `[2001:db8::1]:80`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return ipFamily(address) === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** Reads what {@link formatEndpoint} writes; undefined when address or port is not valid. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const address = parseIp(match[1] ?? match[2] ?? "");
  const port = Number(match[3]);
  if (address === undefined || port > PORT_MAX) return undefined;
  const bracketed = match[1] !== undefined;
  if (bracketed !== (ipFamily(address) === 6)) return undefined;
  return { address, port };
}
