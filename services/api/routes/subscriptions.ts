import { problem } from "../../adapters/http/problem.ts";
import { route } from "../../adapters/http/route.ts";
import { changeTenant } from "../../billing/contracts/change-tenant.ts";
import { endSubscription, subscribe } from "../../billing/contracts/contract-changes.ts";
import type { ContractDeps } from "../../billing/contracts/contracts.ts";
import { OPERATORS, SCOPES } from "../../domain/access/caller.ts";
import type { Subscription } from "../../domain/billing/contract-segments.ts";
import { compareText } from "../../domain/closing/usage.ts";
import { formatHour } from "../../domain/time/hour.ts";
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

interface Deps extends ContractDeps {
  readonly newId: () => string;
}

const PLACE = [/^[0-9TZ:-]{20}$/, /^[A-Za-z0-9-]{1,64}$/];

/** Which plan a tenant has, and when. */
export function subscriptionRoutes(deps: Deps) {
  return [createSubscription(deps), endOneSubscription(deps), listSubscriptions(deps)];
}

const createSubscription = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/tenants/{tenant_id}/subscriptions",
    operation: "createSubscription",
    summary: "Subscribe a tenant to a plan, in hours that have not been invoiced",
    scopes: OPERATORS,
    params: TenantParams,
    body: SubscriptionBody,
    reply: SubscriptionShape,
    status: 201,
    idempotent: true,
    async handle(request) {
      const { plan, from: begin, to: end } = request.body;
      const from = hourIn("body/from", begin);
      const to = end === null ? null : hourIn("body/to", end);
      if (typeof from !== "number") return from;
      if (to !== null && typeof to !== "number") return to;
      const subscription = { subscription_id: deps.newId(), plan, from, to };
      return changeTenant(
        deps,
        "createSubscription",
        request,
        (tenant, context) => subscribe(tenant, subscription, context),
        (part) => ({ body: toResponse(part) }),
      );
    },
  });

const endOneSubscription = (deps: Deps) =>
  route({
    method: "POST",
    path: "/v1/tenants/{tenant_id}/subscriptions/{subscription_id}/end",
    operation: "endSubscription",
    summary: "End a subscription at an hour that has not been invoiced, or cancel it at its start",
    scopes: OPERATORS,
    params: SubscriptionParams,
    body: EndBody,
    reply: SubscriptionShape,
    idempotent: true,
    async handle(request) {
      const at = hourIn("body/at", request.body.at);
      if (typeof at !== "number") return at;
      const { subscription_id } = request.params;
      return changeTenant(
        deps,
        "endSubscription",
        request,
        (tenant, context) => endSubscription(tenant, subscription_id, at, context),
        (part) => ({ body: toResponse(part) }),
      );
    },
  });

const listSubscriptions = (deps: Deps) =>
  route({
    method: "GET",
    path: "/v1/tenants/{tenant_id}/subscriptions",
    operation: "listSubscriptions",
    summary: "List a tenant's subscriptions by start, including ended and cancelled ones",
    scopes: SCOPES,
    params: TenantParams,
    query: query(PAGE),
    reply: page(SubscriptionShape),
    async handle({ params: { tenant_id }, query, caller }) {
      const known = await ownTenant(deps, tenant_id, caller);
      if (known === null) return problem("API_NOT_FOUND");
      const all = known.tenant.subscriptions.map(toResponse);
      const inOrder = all.toSorted((a, b) => compareText(placeOf(a).join(), placeOf(b).join()));
      return pageOf(
        query,
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

function toResponse({ subscription_id, plan, from, to }: Subscription) {
  return {
    subscription_id,
    plan,
    from: formatHour(from),
    to: to === null ? null : formatHour(to),
    is_cancelled: to !== null && to <= from,
  };
}
