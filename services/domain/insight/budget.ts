import { type Decimal, ratio } from "../money/decimal.ts";

/** An amount that a tenant or project means to spend in a period, and the percentages of it that raise an alert. */
export interface Budget {
  readonly budget_id: string;
  readonly amount: Decimal;
  /** Whole percent, such as 80; above 100 too. */
  readonly thresholds_percent: readonly number[];
}

/** Money spent, as far as events were counted by `as_of_ms` (milliseconds since 1970). */
export interface Spend {
  readonly amount: Decimal;
  readonly as_of_ms: number;
}

export interface BudgetStatus {
  readonly spent: Decimal;
  /** Below 0 once more has been spent than there was. */
  readonly left: Decimal;
  /** Share of the budget, 1 being all of it; 0 for a budget of nothing. */
  readonly used: Decimal;
  readonly is_exhausted: boolean;
  /** How old the answer is. */
  readonly age_ms: number;
}

export function budgetStatus({ amount }: Budget, spend: Spend, nowMs: number): BudgetStatus {
  const left = amount - spend.amount;
  return {
    spent: spend.amount,
    left,
    used: ratio(spend.amount, amount),
    is_exhausted: left <= 0n,
    age_ms: Math.max(0, nowMs - spend.as_of_ms),
  };
}

/**
 * Thresholds that the spending has reached and that no alert of the period was raised for yet, rising. `alerted` are those of
 * the period so far: spending that falls by a correction and rises again raises none twice.
 */
export function crossedThresholds(budget: Budget, spent: Decimal, alerted: readonly number[]): number[] {
  const reached = budget.thresholds_percent.filter(
    (percent) => spent * 100n >= budget.amount * BigInt(percent) && !alerted.includes(percent),
  );
  return [...new Set(reached)].toSorted((a, b) => a - b);
}
