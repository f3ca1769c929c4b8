// Money that a tenant is spending right now: charges of rated hours, and an estimate of the hours that are not rated yet.

import { bookInForce, type PriceBook } from "../books/price-book.ts";
import { type UsageKey, type UsageRow, usageKeyOf, type WindowKeyFields } from "../closing/usage.ts";
import { cardOf } from "../event/fields.ts";
import type { Decimal } from "../money/decimal.ts";
import { rate } from "../rating/rate.ts";
import type { Hour } from "../time/hour.ts";

/** An amount of one hour or, where it is rated, of the hours of one day from `at` on. */
export interface SpentPart {
  readonly at: Hour;
  readonly project_id: string;
  readonly currency: string;
  readonly amount: Decimal;
  readonly is_estimate: boolean;
}

/** Usage that was counted and not rated yet, as the processors sum it: without the model's version and the part of a card. */
export type WaitingUsage = WindowKeyFields & Omit<UsageRow, keyof UsageKey> & { readonly hour: Hour };
const UNKNOWN_KEY = usageKeyOf(() => "");

export interface Spent {
  readonly rated: Decimal;
  readonly estimated: Decimal;
  /** Hours that the estimate is for. */
  readonly estimated_hours: number;
}

/**
 * What counted usage will be charged by the book in force in its hour, or null where a tenant will not pay for it or the book
 * has no such card. Price does not depend on the version of the model. The MIG profile is not known: the dearest price of the
 * card's model stands for it, so that a budget is rather reached too early than too late.
 */
export function estimateOf(usage: WaitingUsage, books: readonly PriceBook[]): SpentPart | null {
  const book = bookInForce(books, usage.hour);
  if (book === null) return null;
  const profiles = book.gpus.filter(({ gpu_model }) => gpu_model === usage.gpu_model);
  const charges = profiles.flatMap((price) => {
    const rated = rate({ ...UNKNOWN_KEY, ...usage, ...cardOf(price) }, book);
    return rated.kind === "charged" && rated.charge.payer === "tenant" ? [rated.charge.charge] : [];
  });
  if (charges.length === 0) return null;
  const amount = charges.reduce((dearest, charge) => (charge > dearest ? charge : dearest));
  const { hour: at, project_id } = usage;
  return { at, project_id, currency: book.currency, amount, is_estimate: true };
}

/** The parts of a project, or of all of them, in one currency and from an hour up to and without another. */
export function spentIn(
  parts: readonly SpentPart[],
  of: {
    readonly from: Hour;
    readonly to: Hour;
    readonly currency: string;
    /** Null for all. */
    readonly project_id: string | null;
  },
): Spent {
  const counted = parts.filter(
    ({ at, currency, project_id }) =>
      at >= of.from &&
      at < of.to &&
      currency === of.currency &&
      (of.project_id === null || project_id === of.project_id),
  );
  const sum = (isEstimate: boolean) =>
    counted
      .filter(({ is_estimate }) => is_estimate === isEstimate)
      .reduce((total, { amount }) => total + amount, 0n);
  const estimated_hours = new Set(counted.filter((part) => part.is_estimate).map(({ at }) => at)).size;
  return { rated: sum(false), estimated: sum(true), estimated_hours };
}
