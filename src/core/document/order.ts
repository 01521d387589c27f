/**
 * What operators order about servers and VIPs, in their words: nodes by name, ports only where they differ.
 */
import { z } from "zod";
import { formatEndpoint, parseEndpoint, parseIp, PORT_MAX } from "../address.ts";
import { nameSchema } from "./document.ts";
import { commentSchema, DRAIN_MS_MAX } from "./drain.ts";
import { NODES_MAX } from "../limits.ts";
import { serverEntrySchema } from "../service/server.ts";
import { serviceNameSchema } from "../service/service.ts";
import { vipEntrySchema } from "./vip.ts";

/** A server of a service: a member by name, or a machine by address; port null: as the service has it. */
export const serverRefSchema = z.union([
  z.strictObject({ node: nameSchema }),
  z.strictObject({
    address: z.string().refine((text) => parseIp(text) === text, "is not an IPv4 or IPv6 address"),
    port: z.int().min(0).max(PORT_MAX).nullable(),
  }),
]);
/** See {@link serverRefSchema}. */
export type ServerRef = z.infer<typeof serverRefSchema>;

/** Longest name of a node or address with a port, characters, and some. */
const REFERENCE_LENGTH_MAX = 128;

/**
 * Reads a server as people name it: `192.0.2.21`, `192.0.2.21:8080`, `[2001:db8::21]:8080` or a node's name; undefined when
 * it is none of them. A mistyped IPv4 address is not taken for a name.
 */
export function parseServerRef(text: string): ServerRef | undefined {
  if (text.length > REFERENCE_LENGTH_MAX) return undefined;
  // An IPv6 address in brackets without a port is meant as one without.
  const address = parseIp(/^\[([^\]]*:[^\]]*)\]$/.exec(text)?.[1] ?? text);
  if (address !== undefined) return { address, port: null };
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined) return endpoint;
  if (/^[\d.]*\.[\d.]*$/.test(text)) return undefined;
  const node = nameSchema.safeParse(text).data;
  return node === undefined ? undefined : { node };
}

/** Writes a server as {@link parseServerRef} reads it. */
export function formatServerRef(server: ServerRef): string {
  if ("node" in server) return server.node;
  const { address, port } = server;
  return port === null ? address : formatEndpoint({ address, port });
}

/** What is ordered beside the target of a drain. At most one of the two ends is not null. */
export const drainOrderSchema = z.strictObject({
  service: serviceNameSchema.nullable(),
  comment: commentSchema,
  /** How long, ms. */
  forMs: z.int().min(1).max(DRAIN_MS_MAX).nullable(),
  /** Until when, wall-clock ms since 1970. */
  untilMs: z.int().min(0).nullable(),
  keepVips: z.boolean(),
});
/** See {@link drainOrderSchema}. */
export type DrainOrder = z.infer<typeof drainOrderSchema>;

const entry = serverEntrySchema.shape;
const vip = vipEntrySchema.shape;

/** What may be said of a server; null: as the service says. What is left out stays, or is null in a new entry. */
export const serverChangeSchema = z.strictObject({
  weight: entry.weight.unwrap(),
  forwarding: entry.forwarding.unwrap(),
  tunnel: entry.tunnel.unwrap(),
  upper: entry.upper.unwrap(),
  lower: entry.lower.unwrap(),
}).partial();
/** See {@link serverChangeSchema}. */
export type ServerChange = z.infer<typeof serverChangeSchema>;

/** What may be said of a VIP. `prefer` has names of nodes. What is left out stays, or is the default in a new entry. */
export const vipChangeSchema = z.strictObject({
  interface: vip.interface.unwrap(),
  label: vip.label.unwrap(),
  group: vip.group.unwrap(),
  prefer: z.array(nameSchema).max(NODES_MAX),
  failbackS: vip.failbackS.unwrap(),
}).partial();
/** See {@link vipChangeSchema}. */
export type VipChange = z.infer<typeof vipChangeSchema>;
