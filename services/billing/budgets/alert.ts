// An alert, and what raising and delivering alerts works with.
import type { Documents } from "../../domain/ports/documents.ts";
import type { Log } from "../../domain/ports/log.ts";
import type { Webhooks } from "../../domain/ports/webhooks.ts";
import type { TenantBudget } from "./budgets.ts";
import type { SpendSource } from "./spend.ts";

export interface AlertDeps extends SpendSource {
  readonly documents: Documents;
  readonly log: Log;
  readonly webhooks: Webhooks;
  /** How long the delivery of an alert is tried. */
  readonly webhookAgeMsMax: number;
}

/** What is stored of an alert, and what its webhook carries. */
export interface Alert {
  readonly budget_id: string;
  readonly tenant_id: string;
  readonly project_id: string | null;
  readonly name: string;
  readonly currency: string;
  readonly period: TenantBudget["period"];
  readonly period_from: string;
  readonly period_to: string;
  readonly threshold_percent: number;
  readonly amount: string;
  readonly spent: string;
  readonly rated: string;
  readonly estimated: string;
  readonly counted_until: string | null;
  readonly raised_at: string;
}

export interface AlertReport {
  readonly raised: number;
  readonly delivered: number;
  /** Attempts that were not accepted and are repeated; these deliveries are among those waiting. */
  readonly failed: number;
  /** To be tried again in a later run. */
  readonly waiting: number;
  readonly given_up: number;
}
