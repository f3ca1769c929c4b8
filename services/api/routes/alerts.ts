import { route } from "../../adapters/http/route.ts";
import { EVERYBODY, tenantFor } from "../../billing/access/visibility.ts";
import type { Alert } from "../../billing/budgets/alerts.ts";
import type { Delivery } from "../../billing/budgets/deliveries.ts";
import { everyDocument } from "../../billing/documents/every-document.ts";
import type { Pricing } from "../app.ts";
import { pageOf } from "../paging.ts";
import { page } from "../schemas.ts";
import { AlertQuery, AlertShape } from "./budget-schemas.ts";

const PLACE = [/^[0-9TZ:-]{20}-[0-9a-f]{32}$/];

/** Alerts that were raised, and what became of their webhooks. */
export function alertRoutes(pricing: Pricing) {
  return [listAlerts(pricing)];
}

const listAlerts = ({ documents }: Pricing) =>
  route({
    method: "GET",
    path: "/v1/alerts",
    operation: "listAlerts",
    summary: "Alerts by their period, with the state of their delivery",
    scopes: EVERYBODY,
    query: AlertQuery,
    reply: page(AlertShape),
    async handle({ query: asked, caller }) {
      const tenant_id = tenantFor(caller, asked.tenant_id);
      if (typeof tenant_id !== "string") return tenant_id;
      const isWanted = (alert: Alert) =>
        (tenant_id === "" || alert.tenant_id === tenant_id) &&
        (asked.budget_id === undefined || alert.budget_id === asked.budget_id);
      return pageOf(
        asked,
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
              return { alert_id: id, ...alert, delivery: delivery === undefined ? null : shown(delivery) };
            }),
          );
        },
        ({ alert_id }) => [alert_id],
      );
    },
  });

function shown({ state, attempts, next_at, said }: Delivery) {
  const next = state === "waiting" ? new Date(next_at).toISOString() : null;
  return { state, attempts, next_at: next, said };
}
