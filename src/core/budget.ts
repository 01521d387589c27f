/**
 * Budgets: how much of something one source may use, as a bucket that fills up again with time (a token bucket).
 */

/** The size of a bucket. */
export interface BudgetLimits {
  /** What may come at once, after a while of silence. */
  readonly burst: number;
  /** What may come per second for ever. */
  readonly perSecond: number;
}

/** What is left, and as of when. */
export interface Budget {
  left: number;
  /** Monotonic ms. */
  asOfMs: number;
}

/** A full bucket. */
export function fullBudget({ burst }: BudgetLimits, now: number): Budget {
  return { left: burst, asOfMs: now };
}

/** Takes an amount out of the bucket, if that much is in it; else takes nothing and says false. */
export function spend(
  budget: Budget,
  limits: BudgetLimits,
  { amount, now }: { readonly amount: number; readonly now: number },
): boolean {
  const elapsedMs = Math.max(0, now - budget.asOfMs);
  budget.left = Math.min(limits.burst, budget.left + (elapsedMs / 1_000) * limits.perSecond);
  budget.asOfMs = now;
  if (amount > budget.left) return false;
  budget.left -= amount;
  return true;
}
