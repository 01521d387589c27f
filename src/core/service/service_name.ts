/**
 * What identifies a virtual service: an endpoint with its protocol, or a firewall mark (ipvsadm(8)).
 */
import {
  type Endpoint,
  type Family,
  formatEndpoint,
  type Ip,
  ipFamily,
  parseEndpoint,
} from "../address.ts";

/** Transport protocols a virtual service can have. */
export const protocols = ["tcp", "udp", "sctp"] as const;
/** See {@link protocols}. */
export type Protocol = (typeof protocols)[number];

/** Largest firewall mark: 32 bits (struct sk_buff, mark); 0 is "no mark". */
export const MARK_MAX = 0xffff_ffff;

/** A service found by address, port and protocol. Port 0 takes every port, and needs persistence. */
export interface EndpointName extends Endpoint {
  readonly protocol: Protocol;
}

/** A service found by the firewall mark of its packets; the two families are two services. */
export interface MarkName {
  readonly protocol: "fwm";
  readonly family: Family;
  readonly mark: number;
}

/** See the head of this file. */
export type ServiceName = EndpointName | MarkName;

/** What identifies a virtual service, as text: `tcp/192.0.2.1:80`, `fwm/100`, `fwm6/100`. */
export type ServiceKey = string;

/** The key of a service. */
export function serviceKey(name: ServiceName): ServiceKey {
  if (name.protocol === "fwm") return `${name.family === 4 ? "fwm" : "fwm6"}/${name.mark}`;
  return `${name.protocol}/${formatEndpoint(name)}`;
}

/** The VIP in a key; undefined when it names a mark, or is no key. */
export function keyAddress(key: ServiceKey): Ip | undefined {
  return parseEndpoint(key.slice(key.indexOf("/") + 1))?.address;
}

/** The family of the packets a service takes. */
export function serviceFamily(name: ServiceName): Family {
  return name.protocol === "fwm" ? name.family : ipFamily(name.address);
}

/** The bare name of anything that has one more field or twenty. */
export function nameOf(service: ServiceName): ServiceName {
  if (service.protocol === "fwm") {
    return { protocol: "fwm", family: service.family, mark: service.mark };
  }
  const { protocol, address, port } = service;
  return { protocol, address, port };
}

/**
 * Reads `VIP:PORT`, with `/udp` or `/sctp` behind it for these protocols, `fwmark:N` or `fwmark6:N`; undefined when
 * it is none of them.
 */
export function parseServiceName(text: string): ServiceName | undefined {
  const mark = /^fwmark(6?):(\d{1,10})$/.exec(text);
  if (mark !== null) {
    const number = Number(mark[2]);
    if (number < 1 || number > MARK_MAX) return undefined;
    return { protocol: "fwm", family: mark[1] === "6" ? 6 : 4, mark: number };
  }
  const slash = text.lastIndexOf("/");
  const protocol = slash < 0 ? "tcp" : protocols.find((name) => name === text.slice(slash + 1));
  const endpoint = parseEndpoint(slash < 0 ? text : text.slice(0, slash));
  if (protocol === undefined || endpoint === undefined) return undefined;
  return { ...endpoint, protocol };
}

/** Writes a service as {@link parseServiceName} reads it; TCP is not spelled out. */
export function formatServiceName(name: ServiceName): string {
  if (name.protocol === "fwm") return `${name.family === 4 ? "fwmark" : "fwmark6"}:${name.mark}`;
  const endpoint = formatEndpoint(name);
  return name.protocol === "tcp" ? endpoint : `${endpoint}/${name.protocol}`;
}
