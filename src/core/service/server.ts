/**
 * What operators say about one real server of one service: a machine that is no member of the cluster, or a
 * member that differs from what the service says of all.
 */
import { z } from "zod";
import { formatEndpoint, type Ip, parseIp, PORT_MAX } from "../address.ts";
import { forwardings, tunnelSchema } from "./forwarding.ts";
import { SERVICE_KEY_LENGTH_MAX } from "../limits.ts";
import { nodeIdSchema } from "../node_id.ts";
import { type ServiceKey, thresholdSchema, weightSchema } from "./service.ts";

/** A canonical address of a machine. */
const addressSchema = z.string().refine((text) => parseIp(text) === text, {
  message: "is not an IPv4 or IPv6 address",
});

/** Who is meant: a member by its id, or any machine by address and port (0: the client's port is kept). */
const targetSchema = z.union([
  z.strictObject({ node: nodeIdSchema }),
  z.strictObject({ address: addressSchema, port: z.int().min(0).max(PORT_MAX) }),
]);
/** See {@link targetSchema}. */
export type ServerTarget = z.infer<typeof targetSchema>;

/** An entry of the document. Null: as the service says. */
export const serverEntrySchema = z.strictObject({
  /** Key of the service. */
  service: z.string().max(SERVICE_KEY_LENGTH_MAX).regex(/^[^|]+$/, "is no key of a service"),
  target: targetSchema,
  weight: weightSchema.nullable().default(null),
  forwarding: z.enum(forwardings).nullable().default(null),
  tunnel: tunnelSchema.nullable().default(null),
  upper: thresholdSchema.nullable().default(null),
  lower: thresholdSchema.nullable().default(null),
  /** Is being removed without waiting for its connections. */
  off: z.boolean().default(false),
});
/** See {@link serverEntrySchema}. */
export type ServerEntry = z.infer<typeof serverEntrySchema>;

/** What identifies an entry: `tcp/192.0.2.1:80|192.0.2.21:80`, or a node's id behind the bar. */
export type ServerKey = string;

/** The key of an entry. */
export function serverKey({ service, target }: Pick<ServerEntry, "service" | "target">): ServerKey {
  return `${service}|${targetText(target)}`;
}

/** The service in a server's key. */
export function keyedService(key: ServerKey): ServiceKey {
  return key.slice(0, key.indexOf("|"));
}

/** The part of the key that tells servers of one service apart. */
export function targetText(target: ServerTarget): string {
  return "node" in target ? target.node : formatEndpoint(target);
}

/** Whether the entry is about a machine without an agent. */
export function isExternal(
  entry: ServerEntry,
): entry is ServerEntry & { readonly target: { readonly address: Ip; readonly port: number } } {
  return "address" in entry.target;
}
