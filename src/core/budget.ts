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

/** What is to be taken, and when. */
interface Spending {
  readonly amount: number;
  readonly now: number;
}

/** Takes an amount out of the bucket, if that much is in it; else takes nothing and says false. */
export function spend(budget: Budget, limits: BudgetLimits, { amount, now }: Spending): boolean {
  budget.left = leftAt(budget, limits, now);
  budget.asOfMs = now;
  if (amount > budget.left) return false;
  budget.left -= amount;
  return true;
}

/** Whether that much is in the bucket. */
export function canSpend(
  budget: Readonly<Budget>,
  limits: BudgetLimits,
  { amount, now }: Spending,
): boolean {
  return amount <= leftAt(budget, limits, now);
}

function leftAt({ left, asOfMs }: Readonly<Budget>, limits: BudgetLimits, now: number): number {
  const elapsedMs = Math.max(0, now - asOfMs);
  return Math.min(limits.burst, left + (elapsedMs / 1_000) * limits.perSecond);
}
