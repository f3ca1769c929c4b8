// Budgets: what a tenant or one of its projects means to spend in a day or month.

import type { Period } from "../../domain/billing/contract-segments.ts";
import { monthOf } from "../../domain/billing/periods.ts";
import { type Budget, type BudgetStatus, budgetStatus } from "../../domain/insight/budget.ts";
import { type Spent, spentIn } from "../../domain/insight/spend.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type { WrittenDocument } from "../../domain/ports/documents.ts";

import { DAY_S, hourOf } from "../../domain/time/hour.ts";
import type { TenantSpend } from "./spend.ts";

export const PERIODS = ["day", "month"] as const;

export interface TenantBudget extends Budget {
  readonly tenant_id: string;
  /** Null for all projects together. */
  readonly project_id: string | null;
  readonly name: string;
  readonly currency: string;
  /** Days and months are those of UTC. */
  readonly period: (typeof PERIODS)[number];
  readonly webhook_url: string | null;
  /** No alert is raised any more. */
  readonly is_ended: boolean;
}

/** The day or month that holds a moment. */
export function periodAt({ period }: Pick<TenantBudget, "period">, timeMs: number): Period {
  const hour = hourOf(timeMs);
  if (period === "month") return monthOf(hour);
  const from = Math.floor(hour / DAY_S) * DAY_S;
  return { from, to: from + DAY_S };
}

/** How a budget stands in a period. The answer is as old as the newest record that it counts. */
export function budgetStatusAt(
  budget: TenantBudget,
  period: Period,
  { parts, counted_until, queried_at }: TenantSpend,
  nowMs: number,
): BudgetStatus & Spent {
  const spent = spentIn(parts, { ...period, currency: budget.currency, project_id: budget.project_id });
  const amount = spent.rated + spent.estimated;
  const as_of_ms = Math.min(queried_at, counted_until ?? queried_at);
  return { ...spent, ...budgetStatus(budget, { amount, as_of_ms }, nowMs) };
}

type StoredBudget = Omit<TenantBudget, "budget_id" | "amount"> & { readonly amount: string };

/** As plain JSON. */
export function budgetContent({ budget_id: _id, amount, ...budget }: TenantBudget): StoredBudget {
  return { ...budget, amount: formatDecimal(amount) };
}

export function budgetFrom({ id, content }: Pick<WrittenDocument, "id" | "content">): TenantBudget {
  const { amount, ...stored } = content as StoredBudget;
  return { ...stored, budget_id: id, amount: parseStoredDecimal(amount) };
}
