/**
 * What a planted mistake is.
 */

/** A mistake: in `file`, `right` becomes `wrong`. */
export interface Mistake {
  readonly name: string;
  /** What it breaks, in words. */
  readonly breaks: string;
  /** From the top of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly right: string;
  readonly wrong: string;
  /** Kinds of faults that bring it to light, so that the search is short; left out: all. */
  readonly kinds?: readonly string[];
  /** A plan of test/sim/plans that catches it: what is planted was a mistake there once. */
  readonly plan?: string;
  /** Whether it is looked for among document stores on simulated disks; else in whole clusters. */
  readonly documents?: boolean;
}
