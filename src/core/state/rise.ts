/**
 * What slow start remembers of a server: see core/pool/rises.ts.
 */

/** What is remembered of a server. Times are monotonic ms. */
export interface Rise {
  readonly serving: boolean;
  /** It was seen to serve in this run. */
  readonly served: boolean;
  /** When it came up, while its weight grows; null otherwise. */
  readonly fromMs: number | null;
  /** Its share, above 0, at most 1. */
  readonly share: number;
}
