import type { FocusExport } from "../adapters/clickhouse/focus.ts";
import type { History } from "../adapters/clickhouse/history.ts";
import type { Clock } from "../adapters/clock/clock.ts";
import { type Api, createApi } from "../adapters/http/api.ts";
import { type OpenApiDocument, openApiDocument } from "../adapters/http/openapi.ts";
import type { Rate } from "../adapters/http/rate-limit.ts";
import type { Route } from "../adapters/http/route.ts";
import type { Log } from "../adapters/log/log.ts";
import { createAuthenticate } from "../billing/access/keys.ts";
import type { Books, CorrectionLog, Documents, Ledger, TenantCharges } from "../domain/ports/pricing.ts";
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

export interface Pricing {
  readonly documents: Documents;
  readonly books: Books;
  readonly ledger: Ledger;
  readonly history: History;
  readonly focus: FocusExport;
  readonly charges: TenantCharges;
  readonly corrections: CorrectionLog;
  /** What is wrong with the URL of a webhook, or null. */
  readonly webhookFault: (url: string) => string | null;
  readonly topic: string;
  /** Older events than this are not accepted any more, so neither are their successors. */
  readonly eventAgeMsMax: number;
  /** Who issues the invoices, as it is printed on them. */
  readonly seller: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hash: (text: string) => string;
  readonly newId: () => string;
  readonly isRetriable: (error: unknown) => boolean;
  readonly rate: Rate;
}

/** A price book, the largest body, has a few hundred bytes for each card. */
const BODY_BYTES_MAX = 256 * 1024;
const INFO = {
  title: "Meterhouse pricing",
  version: "1",
  description: "Prices, charges and how each came about. Money and large integers are texts; times are UTC.",
};

function pricingRoutes(pricing: Pricing): Route[] {
  return [
    ...chargeRoutes(pricing),
    ...focusRoutes(pricing),
    ...usageRoutes(pricing),
    ...hourRoutes(pricing),
    ...accountRoutes(pricing),
    ...correctionRoutes(pricing),
    ...bookRoutes(pricing),
    ...tenantRoutes(pricing),
    ...subscriptionRoutes(pricing),
    ...packageRoutes(pricing),
    ...quoteRoutes(pricing),
    ...invoiceRoutes(pricing),
    ...invoiceLineRoutes(pricing),
    ...creditNoteRoutes(pricing),
    ...whatIfRoutes(pricing),
    ...indexRoutes(pricing),
    ...budgetRoutes(pricing),
    ...alertRoutes(pricing),
    ...keyRoutes(pricing),
  ];
}

/** The description of the API. It is the same whatever the API works with. */
export function pricingDocument(pricing = {} as Pricing): OpenApiDocument {
  return openApiDocument(INFO, pricingRoutes(pricing));
}

export function pricingApi(pricing: Pricing): Api {
  const routes = pricingRoutes(pricing);
  const document = pricingDocument(pricing);
  const authenticate = createAuthenticate(pricing.documents, pricing, pricing.clock);
  return createApi({ ...pricing, routes, document, authenticate, bodyBytesMax: BODY_BYTES_MAX });
}
