/**
 * The cluster document: everything operators decide, replicated to every node.
 *
 * Here it is plain, validated data. How replicas merge is the business of `shell/document/document_store.ts`;
 * what the content means is decided by the pure functions beside this file.
 */
import { z } from "zod";
import { type Drain, type DrainKey, drainSchema } from "./drain.ts";
import { EPOCH_MAX, NAME_LENGTH_MAX, SETTING_LENGTH_MAX } from "../limits.ts";
import { type NodeId, nodeIdSchema } from "../node_id.ts";
import { type ServerEntry, serverEntrySchema, type ServerKey } from "../service/server.ts";
import {
  type Service,
  type ServiceKey,
  serviceSchema,
  vipSchema,
  vipsOfService,
} from "../service/service.ts";
import type { SettingName } from "./settings.ts";
import { type VipEntry, vipEntrySchema } from "./vip.ts";
import type { Ip } from "../address.ts";

export { type NodeId, nodeIdSchema } from "../node_id.ts";

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
  /** Removed by an operator while it was dead: see core/document/forgotten.ts. */
  forgotten: z.boolean().optional(),
});
/** See {@link nodeEntrySchema}. */
export type NodeEntry = z.infer<typeof nodeEntrySchema>;

/** What operators set for the whole cluster: canonical text, see core/document/settings.ts. */
export const settingEntrySchema = z.strictObject({
  value: z.string().min(1).max(SETTING_LENGTH_MAX),
});

/** The replicated decisions, by key. */
export interface ClusterDocument {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  /** What is said of single servers, by service and then by key. */
  readonly servers: ReadonlyMap<ServiceKey, ReadonlyMap<ServerKey, ServerEntry>>;
  readonly vips: ReadonlyMap<Ip, VipEntry>;
  readonly settings: ReadonlyMap<SettingName, string>;
  readonly moves: ReadonlyMap<Ip, Move>;
  readonly nodes: ReadonlyMap<NodeId, NodeEntry>;
  /** Maintenance, and what was lifted lately. */
  readonly drains: ReadonlyMap<DrainKey, Drain>;
  /** Entries that are kept and passed on and count for nothing here: a later version's, or not valid. Left out: none. */
  readonly idle?: number;
  /** Bytes of the document and of the largest there can be, when there is little room left. Left out: there is enough. */
  readonly crowded?: { readonly bytes: number; readonly max: number };
}

/** A document in which nothing was decided yet. */
export const EMPTY_DOCUMENT: ClusterDocument = {
  services: new Map(),
  servers: new Map(),
  vips: new Map(),
  settings: new Map(),
  moves: new Map(),
  nodes: new Map(),
  drains: new Map(),
};

/** One change an operator makes to the document. */
export type Edit =
  | { readonly kind: "putService"; readonly service: Service }
  | { readonly kind: "removeService"; readonly key: ServiceKey }
  | { readonly kind: "putServer"; readonly server: ServerEntry }
  | { readonly kind: "removeServer"; readonly key: ServerKey }
  | { readonly kind: "putVip"; readonly vip: VipEntry }
  | { readonly kind: "removeVip"; readonly address: Ip }
  | { readonly kind: "putSetting"; readonly name: SettingName; readonly value: string }
  | { readonly kind: "removeSetting"; readonly name: SettingName }
  | { readonly kind: "putMove"; readonly move: Move }
  | { readonly kind: "putNode"; readonly id: NodeId; readonly entry: NodeEntry }
  | { readonly kind: "putDrain"; readonly drain: Drain }
  | { readonly kind: "removeDrain"; readonly key: DrainKey };

/** The parts of the document, with the schema of their entries: the one list that storage and validation share. */
export const documentParts = {
  services: serviceSchema,
  servers: serverEntrySchema,
  vips: vipEntrySchema,
  settings: settingEntrySchema,
  moves: moveSchema,
  nodes: nodeEntrySchema,
  drains: drainSchema,
} as const;

/** The VIPs of a document: those of its services and those entered by themselves, each once, sorted. */
export function vipsOf(document: Pick<ClusterDocument, "services" | "vips">): Ip[] {
  const vips = new Set<Ip>(document.vips.keys());
  for (const service of document.services.values()) {
    for (const vip of vipsOfService(service)) vips.add(vip);
  }
  return [...vips].sort();
}

/** What is said of single servers of a service. */
export function serverEntries(document: ClusterDocument, key: ServiceKey): Iterable<ServerEntry> {
  return document.servers.get(key)?.values() ?? [];
}
