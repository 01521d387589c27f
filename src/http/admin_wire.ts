/**
 * What goes over the admin socket: routes, bodies and answers, shared by the agent's side and the command line's side.
 *
 * Names of services, servers and VIPs are in bodies and not in paths, because they have characters a path has to escape.
 */
import { z } from "zod";
import { EVENTS_LIMIT_MAX } from "../core/event.ts";
import { type Ip, parseIp, PORT_MAX } from "../core/address.ts";
import { CONNECTIONS_LISTED_MAX } from "../core/table/connection.ts";
import { nameSchema } from "../core/document/document.ts";
import { SETTING_LENGTH_MAX } from "../core/limits.ts";
import {
  drainOrderSchema,
  serverChangeSchema,
  serverRefSchema,
  vipChangeSchema,
} from "../core/document/order.ts";
import type { Refusal } from "../core/refusal.ts";
import {
  serviceChangeSchema,
  serviceNameSchema,
  serviceSchema,
  vipSchema,
} from "../core/service/service.ts";
import { settingNames } from "../core/document/settings.ts";
import { GRACE_S_MAX } from "../core/cluster/token_facts.ts";

/** Prefix of every admin route; the number changes when a body changes its meaning. */
export const ADMIN_PREFIX = "/admin/v1";
/**
 * Largest accepted body. The largest order is a service whose check has the longest path, host and expression, each
 * character written in six: 30 KB. A VIP that prefers 256 nodes with the longest names has 17 KB.
 */
export const ADMIN_BODY_BYTES_MAX = 65_536;

/**
 * Largest body of `POST /document/apply`: every entry of a full document removed and put, in JSON, and some.
 */
export const APPLY_BODY_BYTES_MAX = 64 * 1_048_576;
/** Edits of one order: every entry that the limits allow, removed and put. */
export const APPLY_EDITS_MAX = 65_536;

const addressSchema: z.ZodType<Ip> = z.string().refine((text) => parseIp(text) === text, {
  message: "is not a canonical address",
});

/** Body of `POST /services`. */
export const addServiceSchema = z.strictObject({ service: serviceSchema });
/** Body of `POST /services/set`. */
export const setServiceSchema = z.strictObject({
  service: serviceNameSchema,
  change: serviceChangeSchema,
});
/** Body of `POST /services/remove`. */
export const removeServiceSchema = z.strictObject({ service: serviceNameSchema });

const serverOf = { service: serviceNameSchema, server: serverRefSchema };
/** Body of `POST /servers` and `POST /servers/set`. */
export const serverSchema = z.strictObject({ ...serverOf, settings: serverChangeSchema });
/** Body of `POST /servers/remove`. */
export const removeServerSchema = z.strictObject({ ...serverOf, now: z.boolean() });

/** Body of `POST /vips` and `POST /vips/set`. */
export const vipOrderSchema = z.strictObject({ vip: vipSchema, settings: vipChangeSchema });
/** Body of `POST /vips/remove`. */
export const removeVipSchema = z.strictObject({ vip: addressSchema });
/** Body of `POST /vips/move`. */
export const moveVipSchema = z.strictObject({ vip: addressSchema, node: nameSchema });

/** Body of `POST /drains`. */
export const drainServerSchema = z.strictObject({
  server: serverRefSchema,
  order: drainOrderSchema,
});
/** Body of `POST /drains/end`. */
export const undrainServerSchema = z.strictObject({
  server: serverRefSchema,
  service: serviceNameSchema.nullable(),
});

/** Body of `POST /nodes/forget`. */
export const forgetSchema = z.strictObject({ node: nameSchema });
/** Body of `POST /token/rotate`. */
export const rotateSchema = z.strictObject({
  graceS: z.int().min(0).max(GRACE_S_MAX),
  anyway: z.boolean(),
});

/** Body of `POST /settings`. A null value: back to the standard. What a setting takes, core/document/settings.ts says. */
export const settingSchema = z.strictObject({
  name: z.enum(settingNames),
  value: z.string().min(1).max(SETTING_LENGTH_MAX).nullable(),
});

/** Body of `POST /connections`: a question, whose parts would have to be escaped in a path. */
export const connectionsSchema = z.strictObject({
  service: serviceNameSchema.optional(),
  server: addressSchema.optional(),
  serverPort: z.int().min(0).max(PORT_MAX).optional(),
  limit: z.int().min(0).max(CONNECTIONS_LISTED_MAX),
});

/** Query of `GET /events`; an answer is lines of JSON, one event each, and empty lines while nothing happens. */
export const eventsSchema = z.strictObject({
  limit: z.coerce.number().int().min(0).max(EVENTS_LIMIT_MAX).optional(),
  since: z.coerce.number().int().min(0).optional(),
  follow: z.literal("true").optional(),
});

/** First line of the body of `POST /document/apply`; the edits follow, one per line, so that none is read in one go. */
export const applyHeadSchema = z.strictObject({
  base: z.string().max(64),
  dryRun: z.boolean(),
});
/** Answer of `POST /document/apply`. */
export const applyAnswerSchema = z.object({
  message: z.string(),
  problems: z.array(z.object({
    part: z.string(),
    key: z.string().nullable(),
    problem: z.string(),
  })),
});

/** Body of orders that say no more than their route. */
export const emptySchema = z.strictObject({});

/** Header that says who asks: what the command line knows of its user. It can only be sent by whom the socket lets in. */
export const USER_HEADER = "x-troop-user";

/** Answer of `GET /history`, as far as it is printed. */
export const historySchema = z.object({
  edits: z.array(z.looseObject({
    id: z.string(),
    atMs: z.number(),
    node: z.string(),
    user: z.string(),
    words: z.array(z.string()),
    more: z.number(),
    undoes: z.string().nullable(),
    undoable: z.boolean(),
  })),
});
/** Body of `POST /undo`. */
export const undoSchema = z.strictObject({
  id: z.string().min(1).max(96).nullable(),
  force: z.boolean(),
  dryRun: z.boolean(),
});
/** Answer of `POST /undo`. */
export const undoAnswerSchema = z.object({ message: z.string(), words: z.array(z.string()) });

const count = z.number();
const rates = z.looseObject({
  connectionsPerS: count,
  inPacketsPerS: count,
  outPacketsPerS: count,
  inBytesPerS: count,
  outBytesPerS: count,
});
const traffic = {
  connections: count,
  inPackets: count,
  outPackets: count,
  inBytes: count,
  outBytes: count,
  rates,
};
const row = z.looseObject({
  protocol: z.string(),
  scheduler: z.string(),
  flags: z.array(z.string()),
  persistence: z.looseObject({ timeoutS: count }).nullable(),
  traffic: z.looseObject(traffic),
  servers: z.array(z.looseObject({
    address: z.string(),
    port: count,
    weight: count,
    forwarding: z.string(),
    tunnel: z.looseObject({ kind: z.string() }).nullable(),
    counters: z.looseObject({
      activeConnections: count,
      inactiveConnections: count,
      persistentConnections: count,
      ...traffic,
    }),
  })),
});
/** Answer of `GET /table`, as far as it is printed. */
export const tableSchema = z.object({ rows: z.array(row) });

/** Answer of `POST /connections`. */
export const connectionListingSchema = z.object({
  connections: z.array(z.object({
    protocol: z.string(),
    client: z.string(),
    clientPort: count,
    virtual: z.string(),
    virtualPort: count,
    server: z.string(),
    serverPort: count,
    state: z.string(),
    expiresS: count,
    engine: z.string(),
    engineData: z.string(),
  })),
  matched: count,
  total: count,
});

/** Answer of everything that was done: a line for the person who asked. */
export const doneSchema = z.object({ message: z.string() });

/** Answer of everything that was not. */
export const refusedSchema = z.object({
  error: z.object({
    attempted: z.string(),
    problem: z.string(),
    remedy: z.string(),
    kind: z.enum(["usage", "failure"]),
  }),
});

/** See {@link refusedSchema}. */
export type Refused = z.infer<typeof refusedSchema>;

/** A refusal as it goes over the wire. */
export function wireRefusal({ attempted, problem, remedy, kind }: Refusal): Refused {
  return { error: { attempted, problem, remedy, kind } };
}
