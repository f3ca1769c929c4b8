// Changes of what a tenant has agreed to: from a tenant to the next version of it, or what is wrong. Nothing takes effect in an
// hour that a finalised invoice covers. Settlement states earlier periods anew for late usage, but on the terms that were invoiced:
// an invoice that rests on wrong terms is voided by a credit note first, and then its period is invoiced again.
import { isRefusal, type Refusal, refuse } from "../../domain/access/refusal.ts";
import { type PublishedBook, planOf, type Subscription } from "../../domain/billing/contract-segments.ts";
import { type SettlementFaultCode, settlementFaults } from "../../domain/billing/faults.ts";
import { buyPrepaid, type Prepaid } from "../../domain/billing/prepaid.ts";
import type { PrepaidOffer } from "../../domain/books/plan.ts";
import { bookInForce } from "../../domain/books/price-book.ts";
import { PriceBookReader } from "../../domain/books/price-book-reader.ts";
import { readOffer } from "../../domain/books/read-plans.ts";
import { formatHour, HOUR_MAX, HOUR_S, type Hour } from "../../domain/time/hour.ts";
import { contractFrom, type Tenant } from "./contracts.ts";

/** What a change is checked against. */
export interface ChangeContext {
  readonly books: readonly PublishedBook[];
  /** The end of the last period that a finalised invoice covers; 0 where there is none. */
  readonly invoicedUntil: Hour;
}

/** A tenant's next version, and the part of it that changed. */
export interface Changed<Part> {
  readonly tenant: Tenant;
  readonly part: Part;
}

export function subscribe(
  tenant: Tenant,
  request: Omit<Subscription, "tenant_id">,
  { books, invoicedUntil }: ChangeContext,
): Changed<Subscription> | Refusal {
  const { tenant_id, currency } = tenant;
  const { from, to, plan } = request;
  if (to !== null && to <= from) return refuse("API_TIMES_REVERSED");
  if (from < invoicedUntil) return invoiced(invoicedUntil);
  const book = bookInForce(books, from);
  if (book === null) return refuse("CONTRACT_PLAN_UNKNOWN", `no book is in force at ${formatHour(from)}`);
  if (book.currency !== currency) return otherCurrency(book, currency);
  if (planOf(book, plan) === null) {
    const names = book.plans.map(({ name }) => name).join(", ");
    return refuse("CONTRACT_PLAN_UNKNOWN", `${book.name}, in force then, has the plans: ${names || "none"}`);
  }
  const subscription = { ...request, tenant_id };
  const next: Tenant = {
    ...tenant,
    action: "subscribed",
    about: request.subscription_id,
    subscriptions: [...tenant.subscriptions, subscription],
  };
  const last = books.reduce((latest, { effective_from }) => Math.max(latest, effective_from), from);
  const period = { from, to: to ?? last + HOUR_S };
  const [fault] = settlementFaults(contractFrom(next, books), [period], [], []);
  if (fault === undefined) return { tenant: next, part: subscription };
  return refuse(CODE_OF[fault.code] ?? "CONTRACT_PLAN_UNKNOWN", fault.message);
}

const CODE_OF: { readonly [code in SettlementFaultCode]?: "CONTRACT_OVERLAPS" } = {
  SETTLEMENT_SUBSCRIPTIONS: "CONTRACT_OVERLAPS",
};

/** Ends a subscription early, or one that goes on. At the hour of its start it is cancelled: it never was in force. */
export function endSubscription(
  tenant: Tenant,
  subscription_id: string,
  at: Hour,
  { invoicedUntil }: Pick<ChangeContext, "invoicedUntil">,
): Changed<Subscription> | Refusal {
  const found = tenant.subscriptions.find((own) => own.subscription_id === subscription_id);
  if (found === undefined) return refuse("API_NOT_FOUND");
  if (at < found.from) return refuse("API_TIMES_REVERSED", "a subscription ends after it begins");
  if (at < invoicedUntil) return invoiced(invoicedUntil);
  if (found.to !== null && found.to <= at)
    return refuse("CONTRACT_OVER", `it ends at ${formatHour(found.to)}`);
  const ended = { ...found, to: at };
  const subscriptions = tenant.subscriptions.map((own) => (own === found ? ended : own));
  const change = { action: "subscription_ended", about: subscription_id, subscriptions } as const;
  return { tenant: { ...tenant, ...change }, part: ended };
}

/** By the name of an offer of the book in force, or on terms of its own, which are read as an offer is. */
export function buy(
  tenant: Tenant,
  request: { readonly prepaid_id: string; readonly starts_at: Hour; readonly offer: string | object },
  { books, invoicedUntil }: ChangeContext,
): Changed<Prepaid> | Refusal {
  const { tenant_id, currency } = tenant;
  const { prepaid_id, starts_at } = request;
  if (starts_at < invoicedUntil) return invoiced(invoicedUntil);
  const offer =
    typeof request.offer === "string"
      ? offerOf(request.offer, starts_at, books, currency)
      : readTerms(request.offer);
  if (isRefusal(offer)) return offer;
  const prepaid = buyPrepaid(offer, { prepaid_id, tenant_id, currency, starts_at });
  if (prepaid.expires_at > HOUR_MAX) {
    return refuse("CONTRACT_TERMS_INVALID", `it would expire after ${formatHour(HOUR_MAX)}`);
  }
  const change = { action: "bought", about: prepaid_id, prepaid: [...tenant.prepaid, prepaid] } as const;
  return { tenant: { ...tenant, ...change }, part: prepaid };
}

/** What is left at the hour is paid back in the period that it lies in, at the price that was paid. */
export function refund(
  tenant: Tenant,
  prepaid_id: string,
  at: Hour,
  { invoicedUntil }: Pick<ChangeContext, "invoicedUntil">,
): Changed<Prepaid> | Refusal {
  const found = tenant.prepaid.find((own) => own.prepaid_id === prepaid_id);
  if (found === undefined) return refuse("API_NOT_FOUND");
  if (at < found.starts_at) return refuse("API_TIMES_REVERSED", "it is refunded after it begins");
  if (at < invoicedUntil) return invoiced(invoicedUntil);
  if (found.refunded_at !== null) {
    return refuse("CONTRACT_OVER", `it was refunded at ${formatHour(found.refunded_at)}`);
  }
  if (found.expires_at <= at) return refuse("CONTRACT_OVER", `it expires at ${formatHour(found.expires_at)}`);
  const refunded = { ...found, refunded_at: at };
  const prepaid = tenant.prepaid.map((own) => (own === found ? refunded : own));
  return { tenant: { ...tenant, action: "refunded", about: prepaid_id, prepaid }, part: refunded };
}

function offerOf(
  name: string,
  starts_at: Hour,
  books: readonly PublishedBook[],
  currency: string,
): PrepaidOffer | Refusal {
  const book = bookInForce(books, starts_at);
  if (book === null)
    return refuse("CONTRACT_OFFER_UNKNOWN", `no book is in force at ${formatHour(starts_at)}`);
  if (book.currency !== currency) return otherCurrency(book, currency);
  const names = book.prepaid.map((offer) => offer.name).join(", ");
  return (
    book.prepaid.find((offer) => offer.name === name) ??
    refuse("CONTRACT_OFFER_UNKNOWN", `${book.name}, in force then, offers: ${names || "nothing"}`)
  );
}

function readTerms(terms: object): PrepaidOffer | Refusal {
  const read = new PriceBookReader();
  const offer = readOffer(read, terms, "terms");
  return read.faults.length === 0 ? offer : refuse("CONTRACT_TERMS_INVALID", "", read.faults);
}

function otherCurrency({ name, currency }: PublishedBook, own: string): Refusal {
  return refuse("CONTRACT_CURRENCY", `${name}, in force then, is in ${currency}, the tenant in ${own}`);
}

function invoiced(until: Hour): Refusal {
  return refuse("CONTRACT_INVOICED", `invoiced up to ${formatHour(until)}`);
}
