import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { EVERYBODY, OPERATORS } from "../../billing/access/visibility.ts";
import { changeTenant } from "../../billing/contracts/change-tenant.ts";
import { endSubscription, subscribe } from "../../billing/contracts/contract-changes.ts";
import type { Subscription } from "../../domain/billing/terms.ts";
import { compareText } from "../../domain/closing/usage.ts";
import { formatHour } from "../../domain/time/hour.ts";
import type { Pricing } from "../app.ts";
import { hourIn, pageOf } from "../paging.ts";
import { PAGE, page, query } from "../schemas.ts";
import {
  EndBody,
  SubscriptionBody,
  SubscriptionParams,
  SubscriptionShape,
  TenantParams,
} from "./contract-schemas.ts";
import { ownTenant } from "./tenants.ts";

const PLACE = [/^[0-9TZ:-]{20}$/, /^[A-Za-z0-9-]{1,64}$/];

/** Which plan a tenant has, and when. */
export function subscriptionRoutes(pricing: Pricing) {
  return [createSubscription(pricing), endOneSubscription(pricing), listSubscriptions(pricing)];
}

const createSubscription = (pricing: Pricing) =>
  route({
    method: "POST",
    path: "/v1/tenants/{tenant_id}/subscriptions",
    operation: "createSubscription",
    summary: "Puts a tenant on a plan of the price books, in hours that have not been invoiced",
    scopes: OPERATORS,
    params: TenantParams,
    body: SubscriptionBody,
    reply: SubscriptionShape,
    status: 201,
    idempotent: true,
    async handle(asked) {
      const { plan, from: begin, to: end } = asked.body;
      const from = hourIn("body/from", begin);
      const to = end === null ? null : hourIn("body/to", end);
      if (typeof from !== "number") return from;
      if (to !== null && typeof to !== "number") return to;
      const subscription = { subscription_id: pricing.newId(), plan, from, to };
      return changeTenant(
        pricing,
        "createSubscription",
        asked,
        (tenant, terms) => subscribe(tenant, subscription, terms),
        shown,
      );
    },
  });

const endOneSubscription = (pricing: Pricing) =>
  route({
    method: "POST",
    path: "/v1/tenants/{tenant_id}/subscriptions/{subscription_id}/end",
    operation: "endSubscription",
    summary: "Ends a subscription at an hour that has not been invoiced; at its start, it is cancelled",
    scopes: OPERATORS,
    params: SubscriptionParams,
    body: EndBody,
    reply: SubscriptionShape,
    idempotent: true,
    async handle(asked) {
      const at = hourIn("body/at", asked.body.at);
      if (typeof at !== "number") return at;
      const { subscription_id } = asked.params;
      return changeTenant(
        pricing,
        "endSubscription",
        asked,
        (tenant, terms) => endSubscription(tenant, subscription_id, at, terms),
        shown,
      );
    },
  });

const listSubscriptions = (pricing: Pricing) =>
  route({
    method: "GET",
    path: "/v1/tenants/{tenant_id}/subscriptions",
    operation: "listSubscriptions",
    summary: "A tenant's subscriptions by their start, ended and cancelled ones too",
    scopes: EVERYBODY,
    params: TenantParams,
    query: query(PAGE),
    reply: page(SubscriptionShape),
    async handle({ params: { tenant_id }, query: asked, caller }) {
      const known = await ownTenant(pricing, tenant_id, caller);
      if (known === null) return problem("API_NOT_FOUND");
      const all = known.tenant.subscriptions.map(shown);
      const inOrder = all.toSorted((a, b) => compareText(placeOf(a).join(), placeOf(b).join()));
      return pageOf(
        asked,
        PLACE,
        async (after, limit) =>
          inOrder.filter((it) => compareText(placeOf(it).join(), after.join()) > 0).slice(0, limit),
        placeOf,
      );
    },
  });

function placeOf({ from, subscription_id }: { from: string; subscription_id: string }): string[] {
  return [from, subscription_id];
}

function shown({ subscription_id, plan, from, to }: Subscription) {
  return {
    subscription_id,
    plan,
    from: formatHour(from),
    to: to === null ? null : formatHour(to),
    is_cancelled: to !== null && to <= from,
  };
}
