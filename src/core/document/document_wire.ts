/**
 * The document and edits of it as they go between an agent and its command line.
 */
import { z } from "zod";
import {
  type ClusterDocument,
  documentParts,
  type Edit,
  moveSchema,
  nameSchema,
  nodeEntrySchema,
} from "./document.ts";
import { drainKey, drainSchema } from "./drain.ts";
import { nodeIdSchema } from "../node_id.ts";
import { type ServerEntry, serverEntrySchema, serverKey } from "../service/server.ts";
import { serviceKey, serviceSchema, vipSchema } from "../service/service.ts";
import { settingNames } from "./settings.ts";
import { vipEntrySchema } from "./vip.ts";

const key = z.string().min(1).max(256);
const name = z.enum(settingNames);

/** An edit. */
export const editSchema: z.ZodType<Edit> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("putService"), service: serviceSchema }),
  z.strictObject({ kind: z.literal("removeService"), key }),
  z.strictObject({ kind: z.literal("putServer"), server: serverEntrySchema }),
  z.strictObject({ kind: z.literal("removeServer"), key }),
  z.strictObject({ kind: z.literal("putVip"), vip: vipEntrySchema }),
  z.strictObject({ kind: z.literal("removeVip"), address: vipSchema }),
  z.strictObject({
    kind: z.literal("putSetting"),
    name,
    value: documentParts.settings.shape.value,
  }),
  z.strictObject({ kind: z.literal("removeSetting"), name }),
  z.strictObject({ kind: z.literal("putMove"), move: moveSchema }),
  z.strictObject({ kind: z.literal("putNode"), id: nodeIdSchema, entry: nodeEntrySchema }),
  z.strictObject({ kind: z.literal("putDrain"), drain: drainSchema }),
  z.strictObject({ kind: z.literal("removeDrain"), key }),
]);

/** What an agent tells of its document: the parts that a file describes. */
export const snapshotSchema = z.object({
  cluster: nameSchema,
  /** The node that tells it. */
  node: nameSchema,
  digest: z.string().max(64),
  /** Wall clock of that node, ms since 1970. */
  wallMs: z.number(),
  /** Nodes by name, dead ones and those who left included; of two with one name the first is meant. */
  nodes: z.array(z.object({ id: nodeIdSchema, name: nameSchema })),
  settings: z.array(z.tuple([name, z.string()])),
  vips: z.array(vipEntrySchema),
  services: z.array(serviceSchema),
  servers: z.array(serverEntrySchema),
  drains: z.array(drainSchema),
});
/** See {@link snapshotSchema}. */
export type Snapshot = z.infer<typeof snapshotSchema>;

/** The parts of a document as a snapshot has them. */
export function snapshotParts(
  document: ClusterDocument,
): Pick<Snapshot, "settings" | "vips" | "services" | "servers" | "drains"> {
  return {
    settings: [...document.settings],
    vips: [...document.vips.values()],
    services: [...document.services.values()],
    servers: [...document.servers.values()].flatMap((entries) => [...entries.values()]),
    drains: [...document.drains.values()],
  };
}

/** The document of a snapshot, without moves and nodes. */
export function documentOf(snapshot: Snapshot): ClusterDocument {
  const servers = new Map<string, Map<string, ServerEntry>>();
  for (const entry of snapshot.servers) {
    const known = servers.get(entry.service) ?? new Map<string, ServerEntry>();
    servers.set(entry.service, known.set(serverKey(entry), entry));
  }
  return {
    settings: new Map(snapshot.settings),
    vips: new Map(snapshot.vips.map((vip) => [vip.address, vip])),
    services: new Map(snapshot.services.map((service) => [serviceKey(service), service])),
    servers,
    drains: new Map(snapshot.drains.map((drain) => [drainKey(drain), drain])),
    moves: new Map(),
    nodes: new Map(),
  };
}
