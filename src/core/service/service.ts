/**
 * A virtual service: what clients connect to, and how its connections are spread.
 */
import { z } from "zod";
import { type Ip, ipFamily, isUsableVip, parseIp, PORT_MAX } from "../address.ts";
import { checkChangeSchema, checkSchema } from "../check.ts";
import { fallbackDefaults, fallbackFields, fallbackProblem } from "./fallback.ts";
import { forwardings, type Tunnel, tunnelSchema } from "./forwarding.ts";
import {
  persistenceChangeSchema,
  persistenceSchema,
  schedulerFlags,
  schedulers,
} from "./scheduling.ts";
import { MARK_MAX, type Protocol, protocols } from "./service_name.ts";
import { WEIGHT_MAX } from "../limits.ts";
import { transitionDefaults, transitionFields } from "./transition.ts";

export {
  type EndpointName,
  formatServiceName,
  keyAddress,
  type MarkName,
  nameOf,
  parseServiceName,
  type Protocol,
  protocols,
  serviceFamily,
  type ServiceKey,
  serviceKey,
  type ServiceName,
} from "./service_name.ts";
export { type Scheduler, schedulers } from "./scheduling.ts";
export { type Forwarding, forwardings } from "./forwarding.ts";

/** Largest connection threshold: what fits the kernel's unsigned int and JavaScript's bit operations. */
export const THRESHOLD_MAX = 0x7fff_ffff;
/** Port ranges of one mark service: more is a firewall, not a service. */
export const PORT_RANGES_MAX = 64;
/** VIPs of one mark service. */
export const MARK_VIPS_MAX = 16;

/** A canonical address that may be a VIP. */
export const vipSchema = z.string().refine((text) => parseIp(text) === text && isUsableVip(text), {
  message: "is not an address that can be a VIP",
});

/** Ports of one protocol that a mark service takes, both ends included. */
export const portRangeSchema = z.strictObject({
  protocol: z.enum(protocols),
  first: z.int().min(1).max(PORT_MAX),
  last: z.int().min(1).max(PORT_MAX),
}).refine((range) => range.first <= range.last, {
  path: ["last"],
  message: "must not be below the first port",
});
/** See {@link portRangeSchema}. */
export type PortRange = z.infer<typeof portRangeSchema>;

/** Writes ports as people name them: `tcp/80`, `udp/5000-5100`. */
export function formatPortRange({ protocol, first, last }: PortRange): string {
  return `${protocol}/${first}${last === first ? "" : `-${last}`}`;
}

/** Reads what {@link formatPortRange} writes; undefined when it is none. */
export function parsePortRange(text: string): PortRange | undefined {
  const [, protocol, first, last = first] = /^([a-z]+)\/(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { protocol, first: Number(first), last: Number(last) };
  return portRangeSchema.safeParse(range).data;
}

/** A weight as IPVS takes it. */
export const weightSchema = z.int().min(0).max(WEIGHT_MAX);
/** A connection threshold; 0 for none. */
export const thresholdSchema = z.int().min(0).max(THRESHOLD_MAX);

/** What every service has, whatever its key. Servers inherit what they do not say themselves. */
const plain = {
  scheduler: z.enum(schedulers),
  /** Flags of the scheduler, each once, in order. */
  flags: z.array(z.enum(schedulerFlags)).max(schedulerFlags.length),
  /** One-packet scheduling: every datagram is scheduled for itself. UDP only. */
  onePacket: z.boolean(),
  persistence: persistenceSchema.nullable(),
  forwarding: z.enum(forwardings),
  /** How packets are wrapped; not null exactly where the service's servers are tunnelled. */
  tunnel: tunnelSchema.nullable(),
  /** Port on the members; null: the service's own. NAT only. */
  serverPort: z.int().min(1).max(PORT_MAX).nullable(),
  /** Whether members of the cluster that are real servers are candidates. */
  members: z.boolean(),
  weight: weightSchema,
  /** Connections above which a server gets no new ones; 0 for no limit. */
  upper: thresholdSchema,
  /** Connections below which it gets new ones again; 0 for three quarters of `upper`. */
  lower: thresholdSchema,
  ...fallbackFields,
  ...transitionFields,
  check: checkSchema,
};

/** The same where an entry of an older version says less. */
const settings = {
  ...plain,
  flags: plain.flags.default([]),
  onePacket: plain.onePacket.default(false),
  persistence: plain.persistence.default(null),
  tunnel: plain.tunnel.default(null),
  serverPort: plain.serverPort.default(null),
  members: plain.members.default(true),
  weight: plain.weight.default(1),
  upper: plain.upper.default(0),
  lower: plain.lower.default(0),
  ...fallbackDefaults,
  ...transitionDefaults,
};

const vipsSchema = z.array(vipSchema).min(1).max(MARK_VIPS_MAX);
const portsSchema = z.array(portRangeSchema).max(PORT_RANGES_MAX);

/** Some settings of a service, without defaults: what is not named stays as it is. */
export const serviceChangeSchema = z.strictObject({
  ...plain,
  check: checkChangeSchema,
  /** Null: none any more. */
  persistence: persistenceChangeSchema.nullable(),
  vips: vipsSchema,
  ports: portsSchema,
}).partial();
/** See {@link serviceChangeSchema}. */
export type ServiceChange = z.infer<typeof serviceChangeSchema>;

const endpointServiceSchema = z.strictObject({
  address: vipSchema,
  port: z.int().min(0).max(PORT_MAX),
  protocol: z.enum(protocols),
  ...settings,
});

const markServiceSchema = z.strictObject({
  protocol: z.literal("fwm"),
  family: z.literal([4, 6]),
  mark: z.int().min(1).max(MARK_MAX),
  /** The addresses whose holder balances these packets; several must be one group. */
  vips: vipsSchema,
  /** What troop itself marks; empty: somebody else makes the rules. */
  ports: portsSchema.default([]),
  ...settings,
});

/** A virtual service. Its key is address, port and protocol, or mark and family; all else can change in place. */
export const serviceSchema = z.discriminatedUnion("protocol", [
  endpointServiceSchema,
  markServiceSchema,
]).superRefine((service, context) => {
  const problem = serviceProblem(service);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

/** A service found by address, port and protocol. */
export type EndpointService = z.infer<typeof endpointServiceSchema>;
/** A service found by firewall mark. */
export type MarkService = z.infer<typeof markServiceSchema>;
/** See {@link serviceSchema}. */
export type Service = EndpointService | MarkService;
/** What a service has beside its key. */
export type ServiceSettings = Omit<EndpointService, "address" | "port" | "protocol">;

/** A service's name, as bodies and files have it. */
export const serviceNameSchema = z.discriminatedUnion("protocol", [
  endpointServiceSchema.pick({ address: true, port: true, protocol: true }),
  markServiceSchema.pick({ protocol: true, family: true, mark: true }),
]);

/** The VIPs of a service; the first one leads: whoever holds it balances. */
export function vipsOfService(service: Service): readonly [Ip, ...Ip[]] {
  if (service.protocol === "fwm") return service.vips as unknown as [Ip, ...Ip[]];
  return [service.address];
}

/** The VIP whose holder balances the service. */
export function vipOfService(service: Service): Ip {
  return vipsOfService(service)[0];
}

/** The port on which a member serves: 0 where the client's is kept. */
export function memberPort(service: Service): number {
  if (service.protocol === "fwm" || service.port === 0) return 0;
  return service.serverPort ?? service.port;
}

/** Transport protocols of a service's packets, as far as troop knows them. */
export function transportsOf(service: Service): Protocol[] {
  if (service.protocol !== "fwm") return [service.protocol];
  return [...new Set(service.ports.map((range) => range.protocol))];
}

/** What is wrong with a service by itself, in words; null when nothing is. */
export function serviceProblem(service: Service): string | null {
  return persistenceProblem(service) ?? portProblem(service) ?? markProblem(service) ??
    checkProblem(service) ?? settingsProblem(service) ?? ownFallbackProblem(service);
}

function persistenceProblem(service: Service): string | null {
  const { persistence } = service;
  if (service.protocol !== "fwm" && service.port === 0 && persistence === null) {
    return "port 0 takes every port, which needs persistence";
  }
  if (persistence === null) return null;
  const bits = familyOf(service) === 4 ? 32 : 128;
  if (persistence.prefixLength !== null && persistence.prefixLength > bits) {
    return `an IPv${familyOf(service)} netmask has at most ${bits} bits`;
  }
  if (persistence.engine === "sip" && service.protocol !== "fwm" && service.protocol !== "udp") {
    return "the persistence engine sip reads UDP only";
  }
  return null;
}

function portProblem(service: Service): string | null {
  if (service.onePacket && service.protocol !== "udp" && service.protocol !== "fwm") {
    return "one-packet scheduling is for UDP and mark services";
  }
  if (service.serverPort === null) return null;
  if (service.protocol === "fwm") return "a mark service keeps the client's port";
  if (service.port === 0) return "a service for every port keeps the client's port";
  if (service.forwarding === "nat" || service.serverPort === service.port) return null;
  return "only nat can change the port: with direct routing and tunnels the server must listen on the service's own";
}

function markProblem(service: Service): string | null {
  if (service.protocol !== "fwm") return null;
  if (service.vips.some((vip) => ipFamily(vip) !== service.family)) {
    return `the VIPs of an IPv${service.family} mark must be IPv${service.family} addresses`;
  }
  if (new Set(service.vips).size < service.vips.length) return "a VIP is named twice";
  return null;
}

function checkProblem(service: Service): string | null {
  const { check } = service;
  if (check.kind === "file") {
    return service.members ? null : "a file check asks members only, and the service takes none";
  }
  if (check.at === "vip" && service.forwarding === "nat") {
    return "option at: with nat no server has the VIP, so it cannot be asked there";
  }
  if (check.at === "vip" && !service.members) {
    return "option at: only members ask themselves at the VIP, and the service takes none";
  }
  // ICMP has no ports, and a program may not want one.
  if (check.kind === "none" || check.kind === "ping" || check.kind === "external") return null;
  if (check.port !== null || memberPort(service) > 0) return null;
  return "the check must name a port (tcp://:80), for the service has none of its own";
}

function ownFallbackProblem(service: Service): string | null {
  const problem = service.fallback === null ? null : fallbackProblem(service, service.fallback);
  return problem === null ? null : `the fallback: ${problem}`;
}

function settingsProblem(service: Service): string | null {
  if ((service.tunnel !== null) !== (service.forwarding === "tunnel")) {
    return "a tunnel is told exactly when the forwarding method is tunnel";
  }
  if (service.members && service.tunnel !== null) {
    const problem = memberTunnelProblem(service.tunnel);
    if (problem !== null) return problem;
  }
  if (new Set(service.flags).size < service.flags.length) return "a scheduler flag is named twice";
  if (service.flags.includes("flag-3")) return `scheduler ${service.scheduler} has no flag-3`;
  if (service.flags.length > 0 && service.scheduler !== "sh" && service.scheduler !== "mh") {
    return `scheduler ${service.scheduler} has no flags; sh and mh have`;
  }
  return thresholdProblem(service);
}

/**
 * Why members cannot take packets wrapped like this; null when they can. They use the kernel's fallback device, which
 * drops GRE with a checksum (seen on linux 6.1: its flags must match the packet's, ip_tunnel_lookup in ip_tunnel.c).
 */
export function memberTunnelProblem(tunnel: Tunnel): string | null {
  return tunnel.kind === "gre" && tunnel.checksum !== "none"
    ? "members take gre without a checksum only; machines without an agent can take it"
    : null;
}

/** Why these thresholds cannot be, in words; null when they can (ip_vs_add_dest in ip_vs_ctl.c). */
export function thresholdProblem(limits: { upper: number; lower: number }): string | null {
  return limits.lower > limits.upper ? "the lower threshold must not be above the upper one" : null;
}

function familyOf(service: Service): 4 | 6 {
  return service.protocol === "fwm" ? service.family : ipFamily(service.address);
}
