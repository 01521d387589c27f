/**
 * What a member answers to somebody who has the token and wants to join.
 */
import { z } from "zod";
import { parseIp, PORT_MAX } from "../../core/address.ts";
import { nameSchema, nodeIdSchema } from "../../core/document/document.ts";
import { NODE_PATHS_MAX, NODES_MAX } from "../../core/limits.ts";

/** A member and where it is. */
export const helloMemberSchema = z.object({
  id: nodeIdSchema,
  name: nameSchema,
  addresses: z.array(z.string().refine((text) => parseIp(text) === text)).min(1).max(
    NODE_PATHS_MAX,
  ),
  port: z.int().min(1).max(PORT_MAX),
});
/** See {@link helloMemberSchema}. */
export type HelloMember = z.infer<typeof helloMemberSchema>;

/** See the head of this file. Unknown fields are dropped, so that newer nodes can add some. */
export const helloAnswerSchema = z.object({
  cluster: nameSchema,
  /** The node that answers. */
  self: helloMemberSchema,
  /** The other members it knows. */
  members: z.array(helloMemberSchema).max(NODES_MAX),
});
/** See {@link helloAnswerSchema}. */
export type HelloAnswer = z.infer<typeof helloAnswerSchema>;

/** Limits of the exchange: a full cluster's list, and a few round trips. */
export const HELLO_LIMITS = { bytesMax: 256 * 1024, timeoutMs: 4_000 } as const;

/** The answer as bytes. */
export function encodeHello(answer: HelloAnswer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(answer));
}

/** The answer in bytes, or undefined when they are none. Never throws. */
export function decodeHello(bytes: Uint8Array): HelloAnswer | undefined {
  try {
    return helloAnswerSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}
