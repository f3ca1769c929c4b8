import { type Api, createApi } from "../adapters/http/api.ts";
import { type OpenApiDocument, openApiDocument } from "../adapters/http/openapi.ts";
import type { Rate } from "../adapters/http/rate-limit.ts";
import type { RequestMetrics } from "../adapters/http/request-metrics.ts";
import type { Route } from "../adapters/http/route.ts";
import { createAuthentication } from "../billing/access/keys.ts";
import type { Clock } from "../domain/ports/clock.ts";
import type { Log } from "../domain/ports/log.ts";
import { NAMED_SCHEMAS } from "./named-schemas.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { bookRoutes } from "./routes/books.ts";
import { budgetRoutes } from "./routes/budgets.ts";
import { chargeRoutes } from "./routes/charges.ts";
import { correctionRoutes } from "./routes/corrections.ts";
import { creditNoteRoutes } from "./routes/credit-notes.ts";
import { focusRoutes } from "./routes/focus.ts";
import { hourRoutes } from "./routes/hours.ts";
import { indexRoutes } from "./routes/index-points.ts";
import { invoiceLineRoutes } from "./routes/invoice-lines.ts";
import { invoiceRoutes } from "./routes/invoices.ts";
import { keyRoutes } from "./routes/keys.ts";
import { packageRoutes } from "./routes/packages.ts";
import { quoteRoutes } from "./routes/quotes.ts";
import { subscriptionRoutes } from "./routes/subscriptions.ts";
import { tenantRoutes } from "./routes/tenants.ts";
import { usageRoutes } from "./routes/usage.ts";
import { whatIfRoutes } from "./routes/what-if.ts";

/** What each group of routes needs, all together. */
export type PricingDeps = Parameters<typeof accountRoutes>[0] &
  Parameters<typeof alertRoutes>[0] &
  Parameters<typeof bookRoutes>[0] &
  Parameters<typeof budgetRoutes>[0] &
  Parameters<typeof chargeRoutes>[0] &
  Parameters<typeof correctionRoutes>[0] &
  Parameters<typeof creditNoteRoutes>[0] &
  Parameters<typeof focusRoutes>[0] &
  Parameters<typeof hourRoutes>[0] &
  Parameters<typeof indexRoutes>[0] &
  Parameters<typeof invoiceLineRoutes>[0] &
  Parameters<typeof invoiceRoutes>[0] &
  Parameters<typeof keyRoutes>[0] &
  Parameters<typeof packageRoutes>[0] &
  Parameters<typeof quoteRoutes>[0] &
  Parameters<typeof subscriptionRoutes>[0] &
  Parameters<typeof tenantRoutes>[0] &
  Parameters<typeof usageRoutes>[0] &
  Parameters<typeof whatIfRoutes>[0];

/** What the HTTP server needs beside its routes. */
export interface ServerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly isRetriable: (error: unknown) => boolean;
  readonly rate: Rate;
  readonly metrics: RequestMetrics;
  /** Expensive requests at work at once; half of them at most for one tenant. */
  readonly expensive_max: number;
  /** Addresses and networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
}

/** A price book, the largest body, has a few hundred bytes for each card. */
const BODY_BYTES_MAX = 256 * 1024;
const INFO = {
  title: "Meterhouse pricing",
  version: "1",
  description:
    "Prices, charges, invoices and how each was computed. Money and large integers are strings; times are UTC.",
};

/** The routes under one heading of the description. */
function tagged(tag: string, routes: readonly Route[]): Route[] {
  return routes.map((route) => ({ ...route, tag }));
}

function pricingRoutes(deps: PricingDeps): Route[] {
  return [
    ...tagged("Charges", chargeRoutes(deps)),
    ...tagged("Exports", focusRoutes(deps)),
    ...tagged("Usage", usageRoutes(deps)),
    ...tagged("Hours", hourRoutes(deps)),
    ...tagged("Records", accountRoutes(deps)),
    ...tagged("Corrections", correctionRoutes(deps)),
    ...tagged("Price books", bookRoutes(deps)),
    ...tagged("Tenants", tenantRoutes(deps)),
    ...tagged("Subscriptions", subscriptionRoutes(deps)),
    ...tagged("Packages", packageRoutes(deps)),
    ...tagged("Quotes", quoteRoutes(deps)),
    ...tagged("Invoices", invoiceRoutes(deps)),
    ...tagged("Invoices", invoiceLineRoutes(deps)),
    ...tagged("Credit notes", creditNoteRoutes(deps)),
    ...tagged("What-if", whatIfRoutes(deps)),
    ...tagged("Index", indexRoutes(deps)),
    ...tagged("Budgets", budgetRoutes(deps)),
    ...tagged("Alerts", alertRoutes(deps)),
    ...tagged("API keys", keyRoutes(deps)),
  ];
}

/** The description of the API. Routes look at what they work with only when they are called, so it needs none of it. */
export function pricingDocument(): OpenApiDocument {
  return openApiDocument(INFO, pricingRoutes({} as PricingDeps), NAMED_SCHEMAS);
}

export function pricingApi(deps: PricingDeps & ServerDeps): Api {
  const authentication = createAuthentication(deps.documents, deps, deps.clock);
  return createApi({
    ...deps,
    routes: pricingRoutes(deps),
    document: pricingDocument(),
    authentication,
    bodyBytesMax: BODY_BYTES_MAX,
  });
}
