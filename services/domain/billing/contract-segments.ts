import type { Plan } from "../books/plan.ts";
import { bookInForce, type PriceBook } from "../books/price-book.ts";
import type { Decimal } from "../money/decimal.ts";
import { divideHalfEven } from "../money/rounding.ts";
import type { Hour } from "../time/hour.ts";

/** What is invoiced together, such as a month: the hours from `from` up to and without `to`. */
export interface Period {
  readonly from: Hour;
  readonly to: Hour;
}

/** A tenant's plan from an hour on, up to and without another. `to` is null while it goes on. */
export interface Subscription {
  readonly subscription_id: string;
  readonly tenant_id: string;
  readonly plan: string;
  readonly from: Hour;
  readonly to: Hour | null;
}

/** `hash` is that of the book's canonical text. */
export type PublishedBook = PriceBook & { readonly hash: string };

/** The part of a period under one subscription and in one currency. Its terms are those of the book in force at `from`. */
export interface ContractSegment {
  readonly period: Period;
  readonly from: Hour;
  readonly to: Hour;
  readonly subscription: Subscription | null;
  /** Null without a subscription. */
  readonly plan: Plan | null;
  /** Hash of the book that the plan is from. */
  readonly price_book: string;
}

/** The segments of a period in one currency, in order. Hours without a book, or under one in another currency, are in none. */
export function segmentsOf(
  period: Period,
  currency: string,
  subscriptions: readonly Subscription[],
  books: readonly PublishedBook[],
): ContractSegment[] {
  const cuts = [
    ...subscriptions.flatMap(({ from, to }) => [from, to ?? period.to]),
    ...books.map((book) => book.effective_from),
  ].filter((hour) => hour > period.from && hour < period.to);
  const starts = [...new Set([period.from, ...cuts])].toSorted((a, b) => a - b);
  const segments: ContractSegment[] = [];
  starts.forEach((from, index) => {
    const to = starts[index + 1] ?? period.to;
    const book = bookInForce(books, from);
    if (book === null || book.currency !== currency) return;
    const subscription = subscriptionAt(subscriptions, from);
    const last = segments.at(-1);
    if (last !== undefined && last.to === from && last.subscription === subscription) {
      segments[segments.length - 1] = { ...last, to };
      return;
    }
    const plan = subscription === null ? null : planOf(book, subscription.plan);
    segments.push({ period, from, to, subscription, plan, price_book: book.hash });
  });
  return segments;
}

export function subscriptionAt(subscriptions: readonly Subscription[], hour: Hour): Subscription | null {
  return subscriptions.find(({ from, to }) => from <= hour && (to === null || hour < to)) ?? null;
}

export function planOf(book: PriceBook, name: string): Plan | null {
  return book.plans.find((plan) => plan.name === name) ?? null;
}

/** The segment's share of what a plan gives or takes per period, by hours. */
export function prorated(amount: Decimal, { from, to, period }: ContractSegment): Decimal {
  return divideHalfEven(amount * BigInt(to - from), BigInt(period.to - period.from));
}
