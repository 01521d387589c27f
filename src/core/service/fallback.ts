/**
 * What clients get while a service has nobody left: a fallback server (keepalived's sorry server), troop's own page, or
 * nothing. A service says it for itself, or the whole cluster does by the setting `fallback`.
 */
import { z } from "zod";
import { formatEndpoint, type Ip, parseEndpoint, parseIp, PORT_MAX } from "../address.ts";
import {
  formatTunnel,
  type Forwarding,
  forwardingProblem,
  IPIP,
  parseTunnel,
  type Tunnel,
  tunnelSchema,
} from "./forwarding.ts";
import { SERVERS_MAX, WEIGHT_MAX } from "../limits.ts";
import type { ServiceName } from "./service_name.ts";

/** What happens when no server is left: the last pool stays, the fallback takes over, or connections are refused. */
export const whenAllFailChoices = ["keep", "fallback", "nothing"] as const;
/** See {@link whenAllFailChoices}. */
export type WhenAllFail = (typeof whenAllFailChoices)[number];

/** What a quorum counts: servers, or their weights (as keepalived does). */
export const quorumMeasures = ["count", "weight"] as const;
/** See {@link quorumMeasures}. */
export type QuorumMeasure = (typeof quorumMeasures)[number];

/** Highest quorum: every server of a full cluster with the largest weight. */
export const QUORUM_MAX = SERVERS_MAX * WEIGHT_MAX;

const serverSchema = z.strictObject({
  address: z.string().refine((text) => parseIp(text) === text, "is not an IPv4 or IPv6 address"),
  /** Null: the service's own port. */
  port: z.int().min(1).max(PORT_MAX).nullable(),
  forwarding: z.enum(["dr", "nat", "tunnel"]),
  tunnel: tunnelSchema.nullable(),
}).refine((server) => (server.tunnel !== null) === (server.forwarding === "tunnel"), {
  message: "a tunnel is told exactly when the forwarding method is tunnel",
});

/** `sorry`: the holder's own page. */
export const fallbackSchema = z.union([z.enum(["none", "sorry"]), serverSchema]);
/** See {@link fallbackSchema}. */
export type Fallback = z.infer<typeof fallbackSchema>;

/** What a service says about having nobody left. */
export const fallbackFields = {
  /** Null: what the cluster's setting says. */
  fallback: fallbackSchema.nullable(),
  /** Servers (or weight) that must be up for the pool to be used; below, the fallback takes over. */
  quorum: z.int().min(1).max(QUORUM_MAX),
  /** How much more than the quorum must be up for the pool to return. */
  hysteresis: z.int().min(0).max(QUORUM_MAX),
  quorumBy: z.enum(quorumMeasures),
  whenAllFail: z.enum(whenAllFailChoices),
};

/** The same where an entry of an older version says less. */
export const fallbackDefaults = {
  fallback: fallbackFields.fallback.default(null),
  quorum: fallbackFields.quorum.default(1),
  hysteresis: fallbackFields.hysteresis.default(0),
  quorumBy: fallbackFields.quorumBy.default("count"),
  whenAllFail: fallbackFields.whenAllFail.default("fallback"),
};

/** Reads `none`, `sorry` or `ADDRESS[:PORT][,dr|,nat|,TUNNEL]`. Returns the fallback, or in words what is wrong. */
export function parseFallback(text: string): Fallback | string {
  if (text === "none" || text === "sorry") return text;
  const [place = "", ...rest] = text.split(",");
  const alone = parseIp(place);
  const endpoint = alone === undefined ? parseEndpoint(place) : { address: alone, port: 0 };
  if (endpoint === undefined) {
    return `"${text}" is no fallback: write sorry, none, or ADDRESS:PORT with ,nat or ,dr behind it`;
  }
  const method = parseMethod(rest.join(","));
  if (typeof method === "string") return method;
  return { address: endpoint.address, port: endpoint.port || null, ...method };
}

function parseMethod(text: string): { forwarding: Forwarding; tunnel: Tunnel | null } | string {
  if (text === "" || text === "dr") return { forwarding: "dr", tunnel: null };
  if (text === "nat") return { forwarding: "nat", tunnel: null };
  if (text === "tunnel") return { forwarding: "tunnel", tunnel: IPIP };
  const tunnel = parseTunnel(text);
  return typeof tunnel === "string"
    ? `"${text}" is no forwarding method: write dr, nat, tunnel, or a tunnel such as gue:6080`
    : { forwarding: "tunnel", tunnel };
}

/** Writes what {@link parseFallback} reads. */
export function formatFallback(fallback: Fallback): string {
  if (typeof fallback === "string") return fallback;
  const { address, port, forwarding, tunnel } = fallback;
  const place = port === null ? address : formatEndpoint({ address, port });
  return `${place},${tunnel === null ? forwarding : formatTunnel(tunnel)}`;
}

/** Why a service cannot have this fallback, in words; null when it can. */
export function fallbackProblem(service: ServiceName, fallback: Fallback): string | null {
  if (fallback === "none") return null;
  if (fallback === "sorry") {
    return service.protocol === "tcp" && service.port > 0
      ? null
      : "troop's own page is for TCP services with a port of their own";
  }
  const { address, forwarding } = fallback;
  const port = fallbackPort(service, fallback);
  return forwardingProblem(service, { address, port, forwarding });
}

/** The port of a fallback server: the service's own where it names none. */
export function fallbackPort(
  service: ServiceName,
  { port }: { readonly address: Ip; readonly port: number | null },
): number {
  return port ?? (service.protocol === "fwm" ? 0 : service.port);
}
