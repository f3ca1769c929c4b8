import { bookInForce } from "../books/price-book.ts";
import { formatHour } from "../time/hour.ts";
import { type Period, planOf, type Subscription, subscriptionAt } from "./contract-segments.ts";
import type { Invoice } from "./invoice.ts";
import type { Contract, TenantHour } from "./statement.ts";

/** Why a tenant cannot be settled: what was handed in does not fit together. */
export const SETTLEMENT_FAULTS = {
  SETTLEMENT_PERIODS:
    "periods must begin before they end, follow one another without a gap and be those of earlier invoices",
  SETTLEMENT_SUBSCRIPTIONS: "subscriptions overlap, or end before they begin",
  SETTLEMENT_PLAN_UNKNOWN: "the book in force does not have the subscription's plan",
  SETTLEMENT_BOOK: "an hour was not rated by the book in force",
  SETTLEMENT_CURRENCY: "a package, a credit, an invoice or the candidate book is in another currency",
  SETTLEMENT_TENANT: "a charge, subscription, package, credit or invoice belongs to another tenant",
} as const;

export type SettlementFaultCode = keyof typeof SETTLEMENT_FAULTS;

export interface SettlementFault {
  readonly code: SettlementFaultCode;
  /** What it is about, such as an hour, a plan or an id. */
  readonly about: string;
  readonly message: string;
}

export function settlementFault(code: SettlementFaultCode, about: string): SettlementFault {
  return { code, about, message: `${about}: ${SETTLEMENT_FAULTS[code]}` };
}

export function settlementFaults(
  contract: Contract,
  periods: readonly Period[],
  hours: readonly TenantHour[],
  invoices: readonly Invoice[],
): SettlementFault[] {
  const faults: SettlementFault[] = [];
  const fault = (code: SettlementFaultCode, about: string) => faults.push(settlementFault(code, about));
  periods.forEach(({ from, to }, index) => {
    const isNext = index === 0 || periods[index - 1]?.to === from;
    const isCut = invoices.some(
      (own) =>
        own.period_from < to && from < own.period_to && !(own.period_from === from && own.period_to === to),
    );
    if (from >= to || !isNext || isCut) fault("SETTLEMENT_PERIODS", formatHour(from));
  });
  contract.subscriptions.forEach((subscription, index) => {
    const others = contract.subscriptions.slice(0, index);
    if (others.some((other) => areOverlapping(subscription, other)) || isReversed(subscription)) {
      fault("SETTLEMENT_SUBSCRIPTIONS", subscription.subscription_id);
    }
  });
  for (const { hour, price_book } of hours) {
    const [book, by] = [
      bookInForce(contract.books, hour),
      contract.books.find(({ hash }) => hash === price_book),
    ];
    // one that was supplemented since has the same prices for what it rated
    const isInForce = book !== null && by?.effective_from === book.effective_from;
    if (!isInForce) fault("SETTLEMENT_BOOK", formatHour(hour));
  }
  const inCurrency = [
    ...contract.prepaid.map(({ prepaid_id, currency }) => ({ id: prepaid_id, currency })),
    ...invoices.map(({ invoice_id, currency }) => ({ id: invoice_id, currency })),
  ];
  for (const { id, currency } of inCurrency) {
    if (currency !== contract.currency) fault("SETTLEMENT_CURRENCY", id);
  }
  for (const id of foreign(contract, hours, invoices)) fault("SETTLEMENT_TENANT", id);
  for (const plan of missingPlans(contract, periods)) fault("SETTLEMENT_PLAN_UNKNOWN", plan);
  return faults;
}

function foreign(
  { tenant_id, ...contract }: Contract,
  hours: readonly TenantHour[],
  invoices: readonly Invoice[],
): string[] {
  const others = new Set<string>();
  for (const { charges } of hours) {
    for (const { payer, billed_to } of charges) {
      if (payer === "tenant" && billed_to !== tenant_id) others.add(billed_to);
    }
  }
  return [
    ...contract.subscriptions.filter((own) => own.tenant_id !== tenant_id).map((own) => own.subscription_id),
    ...contract.prepaid.filter((own) => own.tenant_id !== tenant_id).map((own) => own.prepaid_id),
    ...invoices.filter((own) => own.tenant_id !== tenant_id).map((own) => own.invoice_id),
    ...others,
  ];
}

/** Plans that a book lacks while it is in force under a subscription to them. */
function missingPlans({ books, currency, subscriptions }: Contract, periods: readonly Period[]): string[] {
  const from = periods[0]?.from ?? 0;
  const to = periods.at(-1)?.to ?? 0;
  const starts = [...books.map((book) => book.effective_from), ...subscriptions.map((own) => own.from), from];
  const missing = starts
    .filter((hour) => hour >= from && hour < to)
    .flatMap((hour) => {
      const book = bookInForce(books, hour);
      const subscription = subscriptionAt(subscriptions, hour);
      if (book === null || subscription === null || book.currency !== currency) return [];
      return planOf(book, subscription.plan) === null ? [`${subscription.plan} in ${book.name}`] : [];
    });
  return [...new Set(missing)];
}

function areOverlapping(a: Subscription, b: Subscription): boolean {
  return (b.to === null || a.from < b.to) && (a.to === null || b.from < a.to);
}

function isReversed({ from, to }: Subscription): boolean {
  return to !== null && to <= from;
}
