import { bookInForce, type PriceBook, readPriceBook } from "../../domain/books/price-book.ts";
import { together } from "../../domain/closing/together.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { StoredPriceBook } from "../../domain/ports/price-books.ts";
import type { HourToRate } from "../../domain/ports/settlement-store.ts";
import { chargesText, type HourRating, rateHour } from "../../domain/rating/charges.ts";
import { formatHour, type Hour } from "../../domain/time/hour.ts";
import type { Settlement } from "../pass.ts";

type PublishedBook = PriceBook & { readonly hash: string };

export interface RatedHours {
  readonly rated: readonly HourRating[];
  /** Hours that have no charges, or not for all their cards, until a price book comes. */
  readonly unpriced: readonly Hour[];
}

/** Rates closed hours that wait for charges, each by the book in force in it. */
export async function rateHours(deps: Settlement, lease: Lease): Promise<RatedHours> {
  const { store, metrics } = deps;
  const hours = await store.hoursToRate();
  const books = hours.length === 0 ? [] : (await store.priceBooks()).map((book) => parseStored(deps, book));
  const rated: HourRating[] = [];
  const due: HourByBook[] = [];
  const unpriced = new Set<Hour>();
  for (const hour of hours) {
    const book = bookInForce(books, hour.hour);
    if (book === null || book.hash === hour.price_book) unpriced.add(hour.hour);
    else due.push({ ...hour, book });
  }
  for (const group of together(due, ({ events }) => events)) {
    deps.signal?.throwIfAborted();
    for (const rating of await rateTogether(deps, lease, group)) {
      rated.push(rating);
      if (rating.unrated > 0n) unpriced.add(rating.hour);
    }
  }
  metrics.unpriced_hours.set(unpriced.size);
  return { rated, unpriced: [...unpriced].toSorted((left, right) => left - right) };
}

type HourByBook = HourToRate & { readonly book: PublishedBook };

async function rateTogether(
  { store, clock, hash, newId, metrics, leaseMs }: Settlement,
  lease: Lease,
  hours: readonly HourByBook[],
): Promise<HourRating[]> {
  const usages = await store.usagesOf(hours);
  const written = hours.map(({ book, ...hour }) => {
    const { charges, ...totals } = rateHour(usages.get(hour.attempt_id) ?? [], book);
    const rating: HourRating = {
      ...totals,
      hour: hour.hour,
      revision: hour.revision,
      rating: hour.rating + 1,
      attempt_id: newId(),
      price_book: book.hash,
      currency: book.currency,
      content_hash: hash(chargesText(book, charges)),
      rated_at: clock.nowMs(),
      epoch: lease.epoch,
    };
    return { rating, charges };
  });
  await store.writeCharges(written);
  const ratings = written.map(({ rating }) => rating);
  await store.renewLease(lease, leaseMs);
  await store.commitRatings(ratings, lease);
  metrics.rated_charges.inc(written.reduce((sum, { charges }) => sum + charges.length, 0));
  return ratings;
}

/** A published book was valid when it was published; if it is not what its hash says, somebody changed it. */
function parseStored({ hash }: Settlement, stored: StoredPriceBook): PublishedBook {
  const read = readPriceBook(JSON.parse(stored.content));
  if (!read.ok || hash(stored.content) !== stored.hash) {
    throw new Error(`The published price book ${stored.hash} is not what its hash says: it was changed.`);
  }
  return { ...read.book, hash: stored.hash };
}

/** Which hours wait, in a sentence's worth: the first, the last and how many. */
export function span(hours: readonly Hour[]): object {
  const [first] = hours;
  const last = hours.at(-1);
  if (first === undefined || last === undefined) return { hours: 0 };
  return { hours: hours.length, first: formatHour(first), last: formatHour(last) };
}
