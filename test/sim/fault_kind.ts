/**
 * A kind of fault: how one is made up from a seed, how it happens, how it is told. `faults/mod.ts` lists all kinds.
 *
 * To add one, write an object with {@link faultKind} and put it into that list. Faults overlap, and what one began only
 * the end of that one may undo: count, or keep what undoes it (see {@link Apply}).
 */
import type { Draw } from "./draw.ts";
import type { Plain, Shape } from "./plan.ts";
import type { Play } from "./play.ts";

/** Makes it happen; returns what ends it, if it has an end. Called at its moment, in the world's time. */
export type Apply<Data> = (play: Play, data: Data) => (() => void) | void;

/** See the head of this file. */
export interface FaultKind<Data extends Plain = Plain> {
  readonly name: string;
  /** What it is about: `network`, `machine`, `agent`, `operator`, `kernel`, `disk`. */
  readonly about: string;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /** Whether it lasts for a time. */
  readonly lasts: boolean;
  /** What exactly happens to whom; null when this cluster cannot suffer it. */
  readonly plan: (draw: Draw, shape: Shape) => Data | null;
  readonly apply: Apply<Data>;
  /** In words, for the trace: `n2's agent is killed`. */
  readonly words: (data: Data) => string;
}

/** A kind whose data is its own affair. */
export function faultKind<Data extends Plain>(kind: FaultKind<Data>): FaultKind {
  // Data goes from `plan` to `apply` and `words` of the same kind only.
  return kind as unknown as FaultKind;
}

/** A node of the cluster by chance: `n1` and up. */
export function anyNode(draw: Draw, { nodes }: Shape): string {
  return `n${draw.int(1, nodes.length)}`;
}

/** Two different nodes by chance; null in a cluster of one. */
export function anyPair(draw: Draw, { nodes }: Shape): [string, string] | null {
  if (nodes.length < 2) return null;
  const [a, b] = draw.some(nodes.map((_, index) => `n${index + 1}`), 2);
  return [a as string, b as string];
}
