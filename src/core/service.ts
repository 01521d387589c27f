/**
 * A virtual service: what clients connect to, and how its connections are spread.
 */
import { z } from "zod";
import {
  type Endpoint,
  formatEndpoint,
  type Ip,
  isUsableVip,
  parseEndpoint,
  parseIp,
  PORT_MAX,
} from "./address.ts";
import { checkSchema } from "./check.ts";

/** Transport protocols a virtual service can have. */
export const protocols = ["tcp", "udp"] as const;
/** See {@link protocols}. */
export type Protocol = (typeof protocols)[number];

/** Schedulers of the Linux kernel (net/netfilter/ipvs/Kconfig). Whether a module is there, only the kernel can say. */
export const schedulers = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "fo",
  "ovf",
  "lblc",
  "lblcr",
  "dh",
  "sh",
  "mh",
  "sed",
  "nq",
  "twos",
] as const;
/** See {@link schedulers}. */
export type Scheduler = (typeof schedulers)[number];

/** Ways a packet reaches the real server: direct routing rewrites only the link-layer address. */
export const forwardings = ["dr"] as const;
/** See {@link forwardings}. */
export type Forwarding = (typeof forwardings)[number];

/** A canonical address that may be a VIP. */
export const vipSchema = z.string().refine((text) => parseIp(text) === text && isUsableVip(text), {
  message: "is not an address that can be a VIP",
});

/** A virtual service. Its key is address, port and protocol; all else can change in place. */
export const serviceSchema = z.strictObject({
  address: vipSchema,
  port: z.int().min(1).max(PORT_MAX),
  protocol: z.enum(protocols),
  scheduler: z.enum(schedulers),
  forwarding: z.enum(forwardings),
  check: checkSchema,
});

/** See {@link serviceSchema}. */
export type Service = z.infer<typeof serviceSchema>;

/** What identifies a virtual service, as text: `tcp/192.0.2.1:80`. */
export type ServiceKey = string;

/** The key of a service. */
export function serviceKey(service: Endpoint & { readonly protocol: Protocol }): ServiceKey {
  return `${service.protocol}/${formatEndpoint(service)}`;
}

/** The VIP in a key; undefined when the text is no key. */
export function keyAddress(key: ServiceKey): Ip | undefined {
  return parseEndpoint(key.slice(key.indexOf("/") + 1))?.address;
}

/** An endpoint with its protocol, as the command line names a service. */
export interface ServiceName extends Endpoint {
  readonly protocol: Protocol;
}

/** Reads `VIP:PORT`, `VIP:PORT/tcp` or `VIP:PORT/udp`; undefined when it is none of them. */
export function parseServiceName(text: string): ServiceName | undefined {
  const slash = text.lastIndexOf("/");
  const protocol = slash < 0 ? "tcp" : protocols.find((name) => name === text.slice(slash + 1));
  const endpoint = parseEndpoint(slash < 0 ? text : text.slice(0, slash));
  if (protocol === undefined || endpoint === undefined || endpoint.port === 0) return undefined;
  return { ...endpoint, protocol };
}

/** Writes a service as {@link parseServiceName} reads it; TCP is not spelled out. */
export function formatServiceName(service: ServiceName): string {
  const endpoint = formatEndpoint(service);
  return service.protocol === "tcp" ? endpoint : `${endpoint}/${service.protocol}`;
}
