/**
 * How far a change of the token is: see core/cluster/token_rotation.ts.
 */

/** Where a rotation is, as this node sees it. */
export const rotationStages = ["spread", "switch", "retire"] as const;

/** A rotation that is under way. */
export interface RotationProgress {
  readonly stage: typeof rotationStages[number];
  /** Members this stage waits for, by name, and why where that is not plain. */
  readonly waitsFor: readonly string[];
}
