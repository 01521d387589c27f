/**
 * How often a peer is answered that does not know this run of the node: it has started, or this node has, or its pulses
 * were recorded before that and are sent again. An answer is a pulse to where the peer's record says that it is, so a
 * recording brings nobody else a datagram; this bounds how many it brings the peer.
 */
import { type Budget, type BudgetLimits, canSpend, spend } from "../budget.ts";

/** A start takes two or three answers on each path; a lost one is asked for again with the next beat. */
export const ANSWERS: BudgetLimits = { burst: 10, perSecond: 5 };

/** What is known of a peer's answers. */
interface Answered {
  readonly answers: Budget;
}

/** Whether the peer may be answered now; counts it. */
export function takeAnswer({ answers }: Answered, now: number): boolean {
  return spend(answers, ANSWERS, { amount: 1, now });
}

/** Whether the peer could be answered now. */
export function hasAnswer({ answers }: Answered, now: number): boolean {
  return canSpend(answers, ANSWERS, { amount: 1, now });
}
