// The shapes of budgets and alerts.
import Type from "typebox";
import { PERIODS } from "../../billing/budgets/budgets.ts";
import { DELIVERY_STATES } from "../../billing/budgets/deliveries.ts";
import {
  Count,
  closed,
  Decimal,
  decimalOf,
  HourText,
  Moment,
  Name,
  nullable,
  OPTIONAL_TENANT,
  oneOf,
  PAGE,
  params,
  query,
  Reason,
  TenantId,
  Text,
} from "../schemas.ts";
import { Amount } from "./contract-schemas.ts";

const BudgetId = Type.String({ pattern: "^[0-9a-f]{16}-[A-Za-z0-9-]{1,40}$" });
const Percent = Type.Integer({ minimum: 1, maximum: 1_000 });

export const BudgetParams = params({ budget_id: BudgetId });
export const BudgetQuery = query({ ...PAGE, ...OPTIONAL_TENANT });
export const BudgetBody = closed({
  tenant_id: TenantId,
  project_id: Type.Optional(nullable(Name)),
  name: Name,
  period: oneOf(PERIODS),
  amount: Amount,
  thresholds_percent: Type.Array(Percent, { minItems: 1, maxItems: 20, uniqueItems: true }),
  webhook_url: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: 2_048 }))),
  reason: Reason,
});
export const EndBudgetBody = closed({ reason: Reason });
export const BudgetShape = closed({
  budget_id: BudgetId,
  tenant_id: Text,
  project_id: nullable(Text),
  name: Text,
  currency: Text,
  period: oneOf(PERIODS),
  amount: Decimal,
  thresholds_percent: Type.Array(Percent),
  has_webhook: Type.Boolean({
    description: "Whether it has a webhook; the URL may hold a secret and is never returned",
  }),
  is_ended: Type.Boolean(),
  version: Count,
  written_at: Moment,
});

export const StatusQuery = query({
  max_age_s: Type.Optional(
    Type.String({
      pattern: "^([0-9]|[1-9][0-9]|[12][0-9]{2}|300)$",
      description: "Maximum age of the answer in seconds, 0 to 300; 5 if absent",
    }),
  ),
});
export const BudgetStatusShape = closed({
  budget_id: BudgetId,
  tenant_id: Text,
  project_id: nullable(Text),
  currency: Text,
  period_from: HourText,
  period_to: HourText,
  amount: Decimal,
  spent: decimalOf("rated + estimated, at list prices: before plans, packages and discounts"),
  rated: decimalOf("Charges of closed and rated hours"),
  estimated: decimalOf(
    "Usage counted in hours that are not yet closed and rated, priced by the book in force. Not audited: corrections are not " +
      "deducted, and for a card with prices by MIG profile the highest price applies.",
  ),
  estimated_hours: Count,
  left: Decimal,
  used: decimalOf("spent / amount; 0 for a budget of zero"),
  is_exhausted: Type.Boolean(),
  counted_until: nullable(Moment),
  age_ms: Type.Integer({
    minimum: 0,
    description:
      "Milliseconds since the newest counted record was appended to Kafka or, if there was none in the last days, since this answer was computed",
  }),
  is_ended: Type.Boolean(),
});

export const AlertQuery = query({ ...PAGE, ...OPTIONAL_TENANT, budget_id: Type.Optional(BudgetId) });
export const AlertShape = closed({
  alert_id: Text,
  budget_id: BudgetId,
  tenant_id: Text,
  project_id: nullable(Text),
  name: Text,
  currency: Text,
  period: oneOf(PERIODS),
  period_from: HourText,
  period_to: HourText,
  threshold_percent: Percent,
  amount: Decimal,
  spent: Decimal,
  rated: Decimal,
  estimated: Decimal,
  counted_until: nullable(Moment),
  raised_at: Moment,
  /** Null without a webhook. */
  delivery: nullable(
    closed({
      state: oneOf(DELIVERY_STATES),
      attempts: Count,
      next_at: nullable(Moment),
      said: Type.String({ description: "Result of the last attempt" }),
    }),
  ),
});
