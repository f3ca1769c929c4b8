// Alerts: once for each threshold of a budget and period. Run by the clock, again and again; a run that broke off, or two at once,
// raise nothing twice, because an alert's id is made of what it is about.

import type { Period } from "../../domain/billing/contract-segments.ts";
import { monthOf } from "../../domain/billing/periods.ts";
import { crossedThresholds } from "../../domain/insight/budget.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import type { NewDocument } from "../../domain/ports/documents.ts";
import { DAY_MS, formatHour, HOUR_S, type Hour, hourOf } from "../../domain/time/hour.ts";
import { everyDocument } from "../documents/every-document.ts";
import type { Alert, AlertDeps, AlertReport } from "./alert.ts";
import { budgetFrom, budgetStatusAt, periodAt, type TenantBudget } from "./budgets.ts";
import { type Delivery, deliverAlerts } from "./deliveries.ts";
import { createSpending, type TenantSpend } from "./spend.ts";

interface BudgetSince {
  readonly budget: TenantBudget;
  readonly since_ms: number;
}

const AUTHOR = "alerts";
/** A period is looked at for so long after its end: until then its last hours are rated. */
const AFTER_MS = 48 * HOUR_S * 1000;

/**
 * Raises what is to be raised and delivers what is to be delivered, deliveries of earlier runs too. To be run every minute or so;
 * running it more often changes nothing.
 */
export async function raiseAlerts(deps: AlertDeps, signal?: AbortSignal): Promise<AlertReport> {
  const raised = await raise(deps, signal);
  return { raised, ...(await deliverAlerts(deps, signal)) };
}

async function raise(deps: AlertDeps, signal: AbortSignal | undefined): Promise<number> {
  const { documents, clock, log } = deps;
  const since = monthOf(hourOf(clock.nowMs() - AFTER_MS)).from;
  const known = new Set<string>();
  for await (const { id } of everyDocument(documents, "alert", formatHour(since))) known.add(id);
  const budgets: BudgetSince[] = [];
  for await (const written of everyDocument(documents, "budget", "")) {
    const budget = budgetFrom(written);
    if (!budget.is_ended) budgets.push({ budget, since_ms: written.written_at });
  }
  const spending = createSpending(deps);
  let raised = 0;
  for (const [tenant_id, tenantBudgets] of Map.groupBy(budgets, ({ budget }) => budget.tenant_id)) {
    signal?.throwIfAborted();
    const spend = await spending(tenant_id, since, 0);
    for (const alert of tenantBudgets.flatMap((it) => alertsOf(deps, it, spend, known))) {
      if ((await documents.append(alert)) === "version_taken") continue;
      raised += 1;
      log.info({ alert_id: alert[0]?.id, tenant_id }, "a budget's threshold is reached");
    }
  }
  return raised;
}

/** The documents of each alert that is due: the alert, and its delivery where it has a webhook. */
function alertsOf(
  { clock, hash }: AlertDeps,
  { budget, since_ms }: BudgetSince,
  spend: TenantSpend,
  known: ReadonlySet<string>,
): NewDocument[][] {
  const now = clock.nowMs();
  return periodsOf(budget, now, since_ms).flatMap((period) => {
    const idOf = (percent: number) => alertId(hash, budget, period.from, percent);
    const alerted = budget.thresholds_percent.filter((percent) => known.has(idOf(percent)));
    const status = budgetStatusAt(budget, period, spend, now);
    return crossedThresholds(budget, status.spent, alerted).map((threshold_percent) => {
      const { budget_id, tenant_id, project_id, name, currency, webhook_url } = budget;
      const alert: Alert = {
        ...{ budget_id, tenant_id, project_id, name, currency, period: budget.period },
        period_from: formatHour(period.from),
        period_to: formatHour(period.to),
        threshold_percent,
        amount: formatDecimal(budget.amount),
        spent: formatDecimal(status.spent),
        rated: formatDecimal(status.rated),
        estimated: formatDecimal(status.estimated),
        counted_until: spend.counted_until === null ? null : moment(spend.counted_until),
        raised_at: moment(now),
      };
      const first = { id: idOf(threshold_percent), version: 1, written_by: AUTHOR, reason: "reached" };
      const documents: NewDocument[] = [{ kind: "alert", content: alert, ...first }];
      if (webhook_url !== null) {
        const delivery = { url: webhook_url, state: "waiting", attempts: 0, next_at: now, said: "" } as const;
        documents.push({ kind: "alert_delivery", content: delivery satisfies Delivery, ...first });
      }
      return documents;
    });
  });
}

/** The period that holds now and those that ended a little while ago, but none that was over when the budget was made. */
function periodsOf(budget: TenantBudget, nowMs: number, sinceMs: number): Period[] {
  const periods = new Map<Hour, Period>();
  for (let at = nowMs - AFTER_MS; at <= nowMs; at += DAY_MS) {
    const period = periodAt(budget, at);
    if (period.to * 1000 > sinceMs) periods.set(period.from, period);
  }
  return [...periods.values()];
}

/** Begins with the period, so that recent alerts stand together. */
function alertId(hash: AlertDeps["hash"], { budget_id }: TenantBudget, from: Hour, percent: number): string {
  const digest = hash(JSON.stringify(["meterhouse-alert/1", budget_id, from, percent]));
  return `${formatHour(from)}-${digest.slice(0, 32)}`;
}

function moment(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
