/**
 * The identity of a node.
 */
import { z } from "zod";

/** The identity of a node: 16 hexadecimal digits, the start of the SHA-256 of its public key. */
export const nodeIdSchema = z.string().regex(/^[0-9a-f]{16}$/, "is not a node id");
/** See {@link nodeIdSchema}. */
export type NodeId = z.infer<typeof nodeIdSchema>;
