/**
 * Deliberate mistakes of one line in the parts that decide. Each one must be caught by a run of the simulator: what
 * is not shows a hole in what the simulator asks.
 */

import { adviceMistakes } from "./advice_mistakes.ts";
import { documentMistakes } from "./document_mistakes.ts";
import { holderMistakes } from "./holder_mistakes.ts";
import { kernelMistakes } from "./kernel_mistakes.ts";

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
  /** Whether it is looked for among document stores on simulated disks; else in whole clusters. */
  readonly documents?: boolean;
}

/** See the head of this file. */
export const mistakes: readonly Mistake[] = [
  ...holderMistakes,
  ...kernelMistakes,
  ...adviceMistakes,
  ...documentMistakes,
];
