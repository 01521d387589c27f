/**
 * What goes over the admin socket: routes and bodies, shared by the agent's side and the command line's side.
 */
import { z } from "zod";
import { parseIp } from "../core/address.ts";
import { nameSchema } from "../core/document.ts";
import { Refusal } from "../core/refusal.ts";
import { protocols, serviceSchema } from "../core/service.ts";

/** Prefix of every admin route; the number changes when a body changes its meaning. */
export const ADMIN_PREFIX = "/admin/v1";
/** Largest accepted body: the largest service, with room. */
export const ADMIN_BODY_BYTES_MAX = 16_384;

/** Body of `POST /services`. */
export const addServiceSchema = z.strictObject({ service: serviceSchema });

/** Body of `POST /services/remove`. A body and not a path, because an endpoint has characters a path has to escape. */
export const removeServiceSchema = z.strictObject({
  address: serviceSchema.shape.address,
  port: serviceSchema.shape.port,
  protocol: z.enum(protocols),
});

/** Body of `POST /vips/move`. */
export const moveVipSchema = z.strictObject({
  vip: z.string().refine((text) => parseIp(text) === text, "is not a canonical address"),
  node: nameSchema,
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
