/**
 * What is remembered of a pool: see core/pool/pool_judgement.ts.
 */

/** Who gets new connections: the pool, what was left of it (`kept`), the fallback, or nobody. */
export type PoolMode = "pool" | "kept" | "fallback" | "nothing";

/** What is remembered of a pool whose judgement depends on what it was before. */
export interface PoolMemory {
  readonly mode: PoolMode;
  /** When each server left the pool, monotonic ms, by `address:port`; Infinity while it has not. */
  readonly left: ReadonlyMap<string, number>;
}
