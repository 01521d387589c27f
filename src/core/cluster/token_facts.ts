/**
 * What nodes tell each other of their tokens, without telling the tokens.
 */
import { z } from "zod";

/** What names a token without telling it. */
export const fingerprintSchema = z.string().regex(/^[0-9a-f]{16}$/);

/** Longest grace time, s: a week. */
export const GRACE_S_MAX = 7 * 86_400;
/** Grace time if nobody says otherwise, s: a machine that is being repaired has an hour to come back. */
export const GRACE_S_DEFAULT = 3_600;
/** Tokens a node accepts at most: old, new, and those of rotations that crossed. */
export const TOKENS_MAX = 4;

/** A change of the token: the higher serial wins, then the higher target. */
export const rotationSchema = z.object({
  serial: z.int().min(1).max(2 ** 32),
  /** The token that is to be used, and the one it replaces. */
  target: fingerprintSchema,
  from: fingerprintSchema,
  /** How long members that are dead are waited for, s. */
  graceS: z.int().min(0).max(GRACE_S_MAX),
});
/** See {@link rotationSchema}. */
export type Rotation = z.infer<typeof rotationSchema>;

/** What a node tells of its tokens. */
export const tokenFactsSchema = z.object({
  sends: fingerprintSchema,
  accepts: z.array(fingerprintSchema).min(1).max(TOKENS_MAX),
  rotation: rotationSchema.nullable(),
});
/** See {@link tokenFactsSchema}. */
export type TokenFacts = z.infer<typeof tokenFactsSchema>;
