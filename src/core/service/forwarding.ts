/**
 * How a packet reaches the real server, and what each way can and cannot do.
 */
import { z } from "zod";
import { type Ip, ipFamily, PORT_MAX } from "../address.ts";
import { serviceFamily, type ServiceName } from "./service_name.ts";

/**
 * Forwarding methods: `dr` (direct routing) rewrites only the link-layer address, `nat` (masquerading) the destination, and
 * the reply on its way back; `tunnel` wraps the packet into another one.
 */
export const forwardings = ["dr", "nat", "tunnel"] as const;
/** See {@link forwardings}. */
export type Forwarding = (typeof forwardings)[number];

/** Kinds of tunnels: bare IP in IP (RFC 2003), Generic UDP Encapsulation, Generic Routing Encapsulation (RFC 2784). */
export const tunnelKinds = ["ipip", "gue", "gre"] as const;
/** See {@link tunnelKinds}. */
export type TunnelKind = (typeof tunnelKinds)[number];

/** What guards the outer packet of GUE and GRE (IP_VS_TUNNEL_ENCAP_FLAG_*): nothing, a checksum, a remote checksum (GUE). */
export const tunnelChecksums = ["none", "csum", "remcsum"] as const;
/** See {@link tunnelChecksums}. */
export type TunnelChecksum = (typeof tunnelChecksums)[number];

/** How tunnelled packets are wrapped. `port`: UDP port of GUE on the real server, else 0. */
export const tunnelSchema = z.strictObject({
  kind: z.enum(tunnelKinds),
  port: z.int().min(0).max(PORT_MAX),
  checksum: z.enum(tunnelChecksums),
}).refine((tunnel) => (tunnel.kind === "gue") === (tunnel.port > 0), {
  path: ["port"],
  message: "must be given for gue, and for no other kind",
}).refine(
  (tunnel) =>
    tunnel.checksum === "none" || tunnel.kind === "gue" ||
    (tunnel.kind === "gre" && tunnel.checksum === "csum"),
  { path: ["checksum"], message: "csum is for gue and gre, remcsum for gue only" },
);
/** See {@link tunnelSchema}. */
export type Tunnel = z.infer<typeof tunnelSchema>;

/** The tunnel of whoever says no more than `tunnel`. */
export const IPIP: Tunnel = { kind: "ipip", port: 0, checksum: "none" };

/** Reads `ipip`, `gue:PORT`, `gre`, with `,csum`, `,nocsum` or `,remcsum` behind it. Returns the tunnel, or what is wrong. */
export function parseTunnel(text: string): Tunnel | string {
  const match = /^(ipip|gue|gre)(?::(\d{1,5}))?(?:,(csum|nocsum|remcsum))?$/.exec(text);
  if (match === null) {
    return `"${text}" is not a tunnel: write ipip, gue:PORT or gre, with ,csum, ,nocsum or ,remcsum behind it`;
  }
  const [, kind, port, checksum = "nocsum"] = match;
  const parsed = tunnelSchema.safeParse({
    kind,
    port: Number(port ?? 0),
    checksum: checksum === "nocsum" ? "none" : checksum,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `"${text}": ${issue?.path.join(".")} ${issue?.message}`;
}

/** Writes a tunnel as {@link parseTunnel} reads it. */
export function formatTunnel({ kind, port, checksum }: Tunnel): string {
  const place = port === 0 ? "" : `:${port}`;
  return `${kind}${place}${checksum === "none" ? "" : `,${checksum}`}`;
}

/** A server as a service would have it. */
export interface ForwardedServer {
  readonly address: Ip;
  readonly port: number;
  readonly forwarding: Forwarding;
}

/**
 * Why a server cannot be reached in this way, in words; null when it can. Direct routing and tunnels deliver the packet as
 * the client sent it, so the server must use the service's own port. A tunnel could lead to the other family, but the
 * kernel takes no such server beside a sync daemon, nor the other way round (EINVAL, ip_vs_add_dest and start_sync_thread).
 */
export function forwardingProblem(service: ServiceName, server: ForwardedServer): string | null {
  const { forwarding } = server;
  const family = serviceFamily(service);
  if (ipFamily(server.address) !== family) {
    return forwarding === "tunnel"
      ? `${server.address} is no IPv${family} address, and the kernel synchronizes no connections beside such a tunnel`
      : `${server.address} is no IPv${family} address, as the service's VIP is`;
  }
  const ownPort = service.protocol === "fwm" ? 0 : service.port;
  if (server.port === ownPort) return null;
  if (service.protocol === "fwm") {
    return "a mark service keeps the client's port: leave the port out";
  }
  if (ownPort === 0) return "a service for every port keeps the client's port: leave the port out";
  if (forwarding === "nat") return server.port === 0 ? "its port must be 1 to 65535" : null;
  const word = forwarding === "dr" ? "direct routing" : "a tunnel";
  return `${word} cannot change the port: the server must listen on ${ownPort}, the service's own`;
}
