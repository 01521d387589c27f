/**
 * The cluster document: everything operators decide, replicated to every node.
 *
 * Here it is plain, validated data. How replicas merge is the business of `shell/document_store.ts`;
 * what the content means is decided by the pure functions beside this file.
 */
import { z } from "zod";
import { EPOCH_MAX, NAME_LENGTH_MAX } from "./limits.ts";
import { type Service, type ServiceKey, serviceSchema, vipSchema } from "./service.ts";
import type { Ip } from "./address.ts";

/** The identity of a node: 16 hexadecimal digits, the start of the SHA-256 of its public key. */
export const nodeIdSchema = z.string().regex(/^[0-9a-f]{16}$/, "is not a node id");
/** See {@link nodeIdSchema}. */
export type NodeId = z.infer<typeof nodeIdSchema>;

/** A name of a node or a cluster: letters, digits, dot, dash, underscore. */
export const nameSchema = z.string().min(1).max(NAME_LENGTH_MAX).regex(
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  "must start with a letter or digit and have only letters, digits, dots, dashes and underscores",
);

/**
 * An operator's order to move a VIP, once: it holds while the VIP's epoch is still `fromEpoch`, so it
 * is spent by the very claim it asks for, and by any failover that comes first.
 */
export const moveSchema = z.strictObject({
  vip: vipSchema,
  to: nodeIdSchema,
  fromEpoch: z.int().min(0).max(EPOCH_MAX),
});
/** See {@link moveSchema}. */
export type Move = z.infer<typeof moveSchema>;

/** What operators decided about one node: it left for good, and its records are not to be believed any more. */
export const nodeEntrySchema = z.strictObject({
  name: nameSchema,
  left: z.boolean(),
});
/** See {@link nodeEntrySchema}. */
export type NodeEntry = z.infer<typeof nodeEntrySchema>;

/** The replicated decisions, by key. */
export interface ClusterDocument {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly moves: ReadonlyMap<Ip, Move>;
  readonly nodes: ReadonlyMap<NodeId, NodeEntry>;
}

/** A document in which nothing was decided yet. */
export const EMPTY_DOCUMENT: ClusterDocument = {
  services: new Map(),
  moves: new Map(),
  nodes: new Map(),
};

/** One change an operator makes to the document. */
export type Edit =
  | { readonly kind: "putService"; readonly service: Service }
  | { readonly kind: "removeService"; readonly key: ServiceKey }
  | { readonly kind: "putMove"; readonly move: Move }
  | { readonly kind: "putNode"; readonly id: NodeId; readonly entry: NodeEntry };

/** The parts of the document, with the schema of their entries: the one list that storage and validation share. */
export const documentParts = {
  services: serviceSchema,
  moves: moveSchema,
  nodes: nodeEntrySchema,
} as const;

/** The VIPs of a document: the addresses of its services, each once, sorted. */
export function vipsOf(document: ClusterDocument): Ip[] {
  return [...new Set([...document.services.values()].map((service) => service.address))].sort();
}
