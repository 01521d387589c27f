/**
 * Deliberate mistakes of one line in the parts that decide. Each one must be caught by a run of the simulator: what
 * is not shows a hole in what the simulator asks.
 */
import { adviceMistakes } from "./advice_mistakes.ts";
import { documentMistakes } from "./document_mistakes.ts";
import { holderMistakes } from "./holder_mistakes.ts";
import { kernelMistakes } from "./kernel_mistakes.ts";
import type { Mistake } from "./mistake.ts";

/** See the head of this file. */
export const mistakes: readonly Mistake[] = [
  ...holderMistakes,
  ...kernelMistakes,
  ...adviceMistakes,
  ...documentMistakes,
];
