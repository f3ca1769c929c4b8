import { route } from "../../adapters/http/route.ts";
import { audienceOf } from "../../billing/access/visibility.ts";
import type { Alert } from "../../billing/budgets/alert.ts";

import type { Delivery } from "../../billing/budgets/deliveries.ts";
import { everyDocument } from "../../billing/documents/every-document.ts";
import { includes } from "../../domain/access/audience.ts";
import { SCOPES } from "../../domain/access/caller.ts";
import { isRefusal } from "../../domain/access/refusal.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import { isoText } from "../../domain/time/hour.ts";
import { pageOf } from "../paging.ts";
import { page } from "../schemas.ts";
import { AlertQuery, AlertShape } from "./budget-schemas.ts";

interface Deps {
  readonly documents: Documents;
}

const PLACE = [/^[0-9TZ:-]{20}-[0-9a-f]{32}$/];

/** Alerts that were raised, and what became of their webhooks. */
export function alertRoutes(deps: Deps) {
  return [listAlerts(deps)];
}

const listAlerts = ({ documents }: Deps) =>
  route({
    method: "GET",
    path: "/v1/alerts",
    operation: "listAlerts",
    summary: "List alerts by period, with the state of their delivery",
    scopes: SCOPES,
    query: AlertQuery,
    reply: page(AlertShape),
    async handle({ query, caller }) {
      const audience = audienceOf(caller, query.tenant_id);
      if (isRefusal(audience)) return audience;
      const isWanted = (alert: Alert) =>
        includes(audience, alert.tenant_id) &&
        (query.budget_id === undefined || alert.budget_id === query.budget_id);
      return pageOf(
        query,
        PLACE,
        async ([after = ""], limit) => {
          const found: { id: string; alert: Alert }[] = [];
          for await (const { id, content } of everyDocument(documents, "alert", after)) {
            if (found.length === limit) break;
            if (isWanted(content as Alert)) found.push({ id, alert: content as Alert });
          }
          return Promise.all(
            found.map(async ({ id, alert }) => {
              const delivery = (await documents.newest("alert_delivery", id))?.content as
                | Delivery
                | undefined;
              return {
                alert_id: id,
                ...alert,
                delivery: delivery === undefined ? null : toResponse(delivery),
              };
            }),
          );
        },
        ({ alert_id }) => [alert_id],
      );
    },
  });

function toResponse({ state, attempts, next_at, said }: Delivery) {
  const next = state === "waiting" ? isoText(next_at) : null;
  return { state, attempts, next_at: next, said };
}
