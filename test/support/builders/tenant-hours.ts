// A tenant's rated hours, packages and subscription: what a settlement is made from, and the invoice that it makes.
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { computeInvoice, type InvoiceComputation } from "../../../services/domain/billing/compute-invoice.ts";
import type { Period, PublishedBook } from "../../../services/domain/billing/contract-segments.ts";
import { finalise, type Invoice } from "../../../services/domain/billing/invoice.ts";
import type { Prepaid } from "../../../services/domain/billing/prepaid.ts";
import type { TenantHour } from "../../../services/domain/billing/statement.ts";
import { canonicalPriceBook, type PriceBook } from "../../../services/domain/books/price-book.ts";
import type { UsageRow } from "../../../services/domain/closing/usage.ts";
import { type Decimal, formatDecimal, parseDecimal } from "../../../services/domain/money/decimal.ts";
import { rateHour } from "../../../services/domain/rating/charges.ts";
import { HOUR_S, type Hour, parseHour } from "../../../services/domain/time/hour.ts";
import { demoBook, usageRow } from "./price-books.ts";

export const TENANT = "tenant-01";
export const NOVEMBER = month("2026-11", "2026-12");
export const DECEMBER = month("2026-12", "2027-01");

function month(from: string, to: string): Period {
  const start = (name: string) => parseHour(`${name}-01T00:00:00Z`) ?? 0;
  return { from: start(from), to: start(to) };
}

export function decimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

export function publish(book: PriceBook): PublishedBook {
  return { ...book, hash: sha256(canonicalPriceBook(book)) };
}

/** Usage with composite 0.775 and quality 1: so many seconds of an H100 with half its memory and power. */
export function secondsOfUsage(seconds: number, changes: Partial<UsageRow> = {}): UsageRow {
  const gpu_time_ns = BigInt(seconds) * 1_000_000_000n;
  return usageRow({
    gpu_time_ns,
    memory_time_byte_ns: gpu_time_ns * 42_949_672_960n,
    energy_uj: BigInt(seconds) * 350_000_000n,
    ...changes,
  });
}

/** One hour of the tenant, rated by a book; `at` counts hours from the start of November. */
export function tenantHour(
  at: number,
  rows: readonly UsageRow[],
  book: PublishedBook = publish(demoBook()),
  revision = 1,
): TenantHour {
  const { charges } = rateHour(rows, book);
  return { hour: hourAt(at), revision, price_book: book.hash, charges };
}

export function hourAt(at: number): Hour {
  return NOVEMBER.from + at * HOUR_S;
}

export function packageOf(changes: Partial<Prepaid> = {}): Prepaid {
  return {
    prepaid_id: "package-1",
    tenant_id: TENANT,
    name: "GPU-hours",
    unit: "composite_gpu_hour",
    gpu_models: [],
    currency: "USD",
    quantity: decimal("0.5"),
    price: decimal("1"),
    starts_at: hourAt(-24),
    expires_at: DECEMBER.to,
    refunded_at: null,
    ...changes,
  };
}

export function input(changes: Partial<InvoiceComputation>): InvoiceComputation {
  return {
    tenant_id: TENANT,
    currency: "USD",
    books: [publish(demoBook())],
    subscriptions: [],
    prepaid: [],
    periods: [NOVEMBER],
    hours: [],
    opening: new Map(),
    invoices: [],
    hash: sha256,
    ...changes,
  };
}

/** What settles under a book whose only plan, named "plan", the tenant has subscribed to. */
export function inputWithPlan(book: PublishedBook, changes: Partial<InvoiceComputation>): InvoiceComputation {
  const subscription = {
    subscription_id: "s1",
    tenant_id: TENANT,
    plan: "plan",
    from: NOVEMBER.from,
    to: null,
  };
  return input({ books: [book], subscriptions: [subscription], ...changes });
}

/** The settlement of an input that has no faults. */
export function settlementOf(changes: InvoiceComputation) {
  const result = computeInvoice(changes);
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result;
}

/** The invoice that a draft becomes with its number. */
export function invoiceOf(draft: Invoice | null, number: bigint): Invoice {
  if (draft === null) throw new Error("there is nothing to invoice");
  const result = finalise(draft, number, number - 1n);
  if (!result.ok) throw new Error(result.refusal);
  return result.invoice;
}

/** Each line in a few words: kind, name, quantity, amount. */
export function lineSummaries(invoice: Pick<Invoice, "lines"> | null): string[] {
  return (invoice?.lines ?? []).map(
    ({ kind, name, quantity, amount }) =>
      `${kind} ${name} ${formatDecimal(quantity)} ${formatDecimal(amount)}`,
  );
}
