/**
 * What is remembered of a member's load: see core/pool/load_weight.ts.
 */

/** The present share of a member. */
export interface LoadShare {
  /** Percent, from LOAD_SHARE_MIN of core/pool/load_weight.ts to 100. */
  readonly percent: number;
  /** When it last changed, monotonic ms. */
  readonly changedMs: number;
}
