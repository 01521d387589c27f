/**
 * How a server leaves a service's pool when its check fails, and how it returns: what a service says about that.
 */
import { z } from "zod";

/**
 * What becomes of a server that is down: it stays in the table with weight 0, so that open connections may finish
 * (ldirectord's quiescent=yes), or it is removed, so that they end and persistent clients move on (quiescent=no).
 */
export const failureActions = ["quiesce", "remove"] as const;
/** See {@link failureActions}. */
export type FailureAction = (typeof failureActions)[number];

/** Shortest and longest slow start, ms: one step a second at most; an hour warms any cache. */
export const SLOW_START_MS_MIN = 1_000;
/** See {@link SLOW_START_MS_MIN}. */
export const SLOW_START_MS_MAX = 3_600_000;

/** Fields of a service. */
export const transitionFields = {
  onFailure: z.enum(failureActions),
  /** Time in which the weight of a server that came up grows to the full one, ms; 0: at once. */
  slowStartMs: z.literal(0).or(z.int().min(SLOW_START_MS_MIN).max(SLOW_START_MS_MAX)),
  /** Whether busy members get a smaller share: see load_weight.ts. */
  adaptWeights: z.boolean(),
};

/** The same where an entry of an older version says less. */
export const transitionDefaults = {
  onFailure: transitionFields.onFailure.default("quiesce"),
  slowStartMs: transitionFields.slowStartMs.default(0),
  adaptWeights: transitionFields.adaptWeights.default(false),
};
