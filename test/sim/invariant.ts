/**
 * Something that must hold after every event of a run. `invariants/mod.ts` lists all.
 */
import type { Play } from "./play.ts";

/** See the head of this file. One object watches one run and may remember what it saw. */
export interface Invariant {
  /** Looks at kernels and networks, never at what agents think; what is wrong, in words, or null. */
  readonly look: () => string | null;
  /** When it wants to look again though nothing has changed, in the world's ms; Infinity: never. */
  readonly dueMs: () => number;
}

/** A kind of invariant. */
export interface InvariantKind {
  readonly name: string;
  readonly watch: (play: Play) => Invariant;
}
