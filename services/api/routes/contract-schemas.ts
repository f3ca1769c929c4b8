// The shapes of tenants and of what they have agreed to.
import Type from "typebox";
import { TENANT_ACTIONS } from "../../billing/contracts/contracts.ts";
import { PREPAID_UNITS } from "../../domain/books/plan.ts";
import {
  Count,
  closed,
  Decimal,
  decimalOf,
  HourText,
  Moment,
  Name,
  nullable,
  oneOf,
  params,
  Reason,
  TenantId,
  Text,
} from "../schemas.ts";

/** Amounts that come in: what is wrong with their digits is said by a code. */
export const Amount = Type.String({
  pattern: "^-?[0-9]{1,40}([.][0-9]{1,40})?$",
  description: "A decimal with at most 26 digits before the point and 12 after it",
});
const Id = Type.String({ pattern: "^[A-Za-z0-9-]{1,64}$" });
const HOURS_MAX = 876_000;

/** Goes with every change. */
const CHANGE = {
  reason: Reason,
  version: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: "The tenant version that this change expects; a conflict if there is a newer one",
    }),
  ),
};

export const TenantParams = params({ tenant_id: TenantId });
export const TenantBody = closed({
  tenant_id: Name,
  name: Name,
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
  reason: Reason,
});
export const TenantShape = closed({
  tenant_id: Text,
  name: Text,
  currency: Text,
  version: Type.Integer({
    minimum: 0,
    description: "Increases with each change; 0 for a tenant that has charges but was never created",
  }),
  written_at: nullable(Moment),
});
export const TenantChange = closed({
  version: Count,
  action: oneOf(TENANT_ACTIONS),
  about: Type.String({ description: "Id of the subscription or package; empty for the tenant itself" }),
  reason: Text,
  written_by: Text,
  written_at: Moment,
});

export const SubscriptionParams = params({ tenant_id: TenantId, subscription_id: Id });
export const SubscriptionBody = closed({ plan: Name, from: HourText, to: nullable(HourText), ...CHANGE });
export const EndBody = closed({ at: HourText, ...CHANGE });
export const SubscriptionShape = closed({
  subscription_id: Text,
  plan: Text,
  from: HourText,
  to: nullable(HourText),
  is_cancelled: Type.Boolean({ description: "Whether it ended at its start and so never was in force" }),
});

const Unit = oneOf(PREPAID_UNITS);
export const PackageParams = params({ tenant_id: TenantId, prepaid_id: Id });
export const PackageBody = closed({
  starts_at: HourText,
  offer: Type.Optional(Name),
  terms: Type.Optional(
    closed({
      name: Name,
      unit: Unit,
      quantity: Amount,
      price: Amount,
      valid_hours: Type.Integer({ minimum: 1, maximum: HOURS_MAX }),
      gpu_models: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 100 })),
    }),
  ),
  ...CHANGE,
});
export const RefundBody = closed({ at: HourText, ...CHANGE });
export const PurchaseShape = closed({
  prepaid_id: Text,
  name: Text,
  unit: Unit,
  gpu_models: Type.Array(Text, { description: "Cards that it applies to; all if empty" }),
  currency: Text,
  quantity: Decimal,
  price: Decimal,
  starts_at: HourText,
  expires_at: HourText,
  refunded_at: nullable(HourText),
});
export const PackageShape = closed({
  ...PurchaseShape.properties,
  left: nullable(
    decimalOf(
      "The quantity less what finalised invoices, and the hours rated since the last of them, draw; null if this cannot be computed",
    ),
  ),
  left_invoiced: decimalOf("The quantity less what finalised invoices have drawn"),
});
