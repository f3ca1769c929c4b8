// The pricing API with tenants: with something to agree on, with hours that are rated as a test says, with alerts to raise.

import { Secret } from "../../../services/adapters/config/secret.ts";
import { createWebhookSender } from "../../../services/adapters/http/webhook.ts";
import { bookOf } from "../../../services/billing/books/books.ts";
import type { AlertDeps } from "../../../services/billing/budgets/alert.ts";

import type { PriceBook } from "../../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../../services/domain/closing/usage.ts";
import { NO_FINDINGS } from "../../../services/domain/closing/verification.ts";
import type { Clock } from "../../../services/domain/ports/clock.ts";
import { parseHour } from "../../../services/domain/time/hour.ts";
import { ROWS } from "../builders/ledger-rows.ts";
import { bookWith, demoBook, FULL_PLAN } from "../builders/price-books.ts";
import { publish, secondsOfUsage, tenantHour } from "../builders/tenant-hours.ts";
import { MemoryTenantCharges } from "../doubles/memory-charges.ts";
import { type MemoryLedger, memoryLedger } from "../doubles/memory-ledger.ts";
import { type TestApi, type TestDeps, testApi } from "./pricing-api.ts";

const OFFERS = [
  {
    name: "hundred",
    unit: "composite_gpu_hour",
    quantity: "100",
    price: "200",
    valid_hours: 720,
    gpu_models: ["NVIDIA H100 80GB HBM3"],
  },
  { name: "prepay", unit: "currency", quantity: "50", price: "45", valid_hours: 8760 },
];

/** Publishes the demo's book with parts replaced or added; its hash. */
export function publishBook(api: TestApi, parts: Readonly<Record<string, unknown>>): Promise<string> {
  return publishWhole(api, bookWith(parts));
}

async function publishWhole(api: TestApi, book: PriceBook): Promise<string> {
  const { hash, name, effective_from, currency, supplements, content } = bookOf(book, "draft", api.pricing);
  await api.pricing.books.publish({ hash, name, effective_from, currency, supplements, content });
  return hash;
}

/** A tenant without a contract, and a book with plans and offers from the start of 2026. */
export async function contractApi(changes: Partial<TestDeps> = {}): Promise<TestApi> {
  const api = await testApi(changes);
  await publishBook(api, { plans: [FULL_PLAN, { name: "second" }], prepaid: OFFERS });
  await post(api, "/v1/tenants", { tenant_id: "initech", name: "Initech", currency: "USD" });
  return api;
}

/** As an operator, with a reason. */
export function post(api: TestApi, url: string, payload: object, headers: Record<string, string> = {}) {
  return api.ask("operator", { method: "POST", url, payload: { reason: "agreed", ...payload }, headers });
}

export const JANUARY = (parseHour("2027-01-02T00:00:00Z") ?? 0) * 1000;
export const NOVEMBER_FROM = "2026-11-01T00:00:00Z";
export const DECEMBER_FROM = "2026-12-01T00:00:00Z";

export interface InvoicingApi extends TestApi {
  readonly charges: MemoryTenantCharges;
  /** Rates an hour (counted from the start of November) with so many seconds of the worked example's usage. */
  use(tenant_id: string, at: number, seconds: number, revision?: number): void;
  finalise(period_from: string, tenant_id?: string): ReturnType<TestApi["ask"]>;
  /** The invoice that finalising makes. */
  invoice(period_from: string, tenant_id?: string): Promise<Record<string, unknown>>;
}

/** A book in force, and tenants whose hours are rated as a test says. It is January 2027. */
export async function invoicingApi(
  changes: Partial<TestDeps> = {},
  book: PriceBook = demoBook(),
): Promise<InvoicingApi> {
  const charges = new MemoryTenantCharges();
  const usage = new Map<string, readonly UsageRow[]>();
  const place = (tenant_id: string, hour: number, revision: number) => `${tenant_id} ${hour} ${revision}`;
  const ledger: MemoryLedger = {
    ...memoryLedger(ROWS),
    verifyTenantHour: async ({ tenant_id, hour, revision }) => {
      const rows = usage.get(place(tenant_id, hour, revision));
      if (rows === undefined) return null;
      return { usage: rows, is_sound: true, rows_match: true, chain_matches: true, keys: [], ...NO_FINDINGS };
    },
    billedTenants: async (audience, after, limit) =>
      charges
        .tenants()
        .filter((it) => (audience.kind === "all" ? it > after : it === audience.tenant_id))
        .slice(0, limit),
  };
  const api = await testApi({ charges, ledger, verifier: ledger, ...changes });
  const published = publish(book);
  await publishWhole(api, book);
  await api.clock.advance(JANUARY - api.clock.nowMs());
  const finalise = (period_from: string, tenant_id = "acme") =>
    api.ask("operator", { method: "POST", url: "/v1/invoices", payload: { tenant_id, period_from } });
  return {
    ...api,
    charges,
    finalise,
    use(tenant_id, at, seconds, revision = 1) {
      const rows = seconds === 0 ? [] : [secondsOfUsage(seconds, { tenant_id })];
      const hour = tenantHour(at, rows, published, revision);
      usage.set(place(tenant_id, hour.hour, revision), rows);
      charges.rate(tenant_id, hour);
    },
    async invoice(period_from, tenant_id = "acme") {
      const { status, body } = await finalise(period_from, tenant_id);
      if (status !== 200) throw new Error(JSON.stringify(body));
      const [result] = body["results"] as { status: string; invoice: { invoice_id: string } }[];
      if (result?.status !== "finalised") throw new Error(JSON.stringify(result));
      const got = await api.ask("operator", { url: `/v1/invoices/${result.invoice.invoice_id}` });
      return got.body;
    },
  };
}

export const WEBHOOK_KEY = "the secret of every alert";

/** What raising alerts needs. */
export function alertDeps(pricing: TestDeps, clock: Clock = pricing.clock): AlertDeps {
  const secret = new Secret(`whsec_${Buffer.from(WEBHOOK_KEY).toString("base64")}`);
  return {
    ...pricing,
    clock,
    webhooks: createWebhookSender({ secret, allowsPrivate: true, clock }),
    webhookAgeMsMax: 3_600_000,
  };
}
