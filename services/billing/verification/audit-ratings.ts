import { type PriceBook, readPriceBook } from "../../domain/books/price-book.ts";
import { faultOf, type ProofFault, type StoredClose } from "../../domain/closing/chain.ts";
import type { UsageRow } from "../../domain/closing/usage.ts";
import type { ProofStore, StoredRatedCharge } from "../../domain/ports/proof-store.ts";
import { chargeDifferences } from "../../domain/rating/charge-differences.ts";
import { chargesText, type HourRating, type RatedHour, rateHour } from "../../domain/rating/charges.ts";

interface Rater {
  readonly store: ProofStore;
  readonly hash: (text: string) => string;
}

/** Rates hours again from their usage rows, by the book that they were rated by, and compares every figure. */
export async function auditRatings(
  { store, hash }: Rater,
  closes: readonly StoredClose[],
  group: readonly StoredClose[],
): Promise<ProofFault[]> {
  const ratings = await store.ratingsOf(group.map(({ hour }) => hour));
  if (ratings.length === 0) return [];
  const keyOf = ({ hour, revision }: { hour: number; revision: number }) => `${hour}/${revision}`;
  const rated = new Map(closes.map((close) => [keyOf(close), close]));
  const own = ratings.flatMap((rating) => rated.get(keyOf(rating)) ?? []);
  const usages = await store.usagesOf(own);
  const charges = await store.chargesOf(ratings);
  const books = new Map((await store.priceBooks()).map((book) => [book.hash, book.content]));
  return ratings.flatMap((rating) => {
    const close = rated.get(keyOf(rating));
    // its close is gone, which has been said
    if (close === undefined) return [];
    const content = books.get(rating.price_book);
    const read = content === undefined ? undefined : readPriceBook(JSON.parse(content));
    if (content === undefined || !read?.ok || hash(content) !== rating.price_book) {
      return [faultOf(rating, "rating", `price book ${rating.price_book} is gone or changed`)];
    }
    const usage = usages.get(close.attempt_id) ?? [];
    return ratingFaults({ ...read.book, hash: rating.price_book }, rating, usage, {
      charges: charges.get(rating.attempt_id) ?? [],
      hash,
    });
  });
}

function ratingFaults(
  book: PriceBook & { readonly hash: string },
  rating: HourRating,
  usage: readonly UsageRow[],
  {
    charges,
    hash,
  }: { readonly charges: readonly StoredRatedCharge[]; readonly hash: (text: string) => string },
): ProofFault[] {
  const again = ratedAgain(book, usage);
  if (again === null) return [faultOf(rating, "rating", "its usage has words that no price book knows")];
  const { charges: recomputed, ...totals } = again;
  const figures: Readonly<Record<string, unknown>> = {
    ...totals,
    currency: book.currency,
    content_hash: hash(chargesText(book, recomputed)),
  };
  const differing = Object.entries(figures).filter(
    ([name, value]) => String(rating[name as keyof HourRating]) !== String(value),
  );
  const faults: ProofFault[] = [];
  if (differing.length > 0) {
    const names = differing.map(([name]) => name).join(", ");
    faults.push(faultOf(rating, "rating", `its usage and its book come to other figures: ${names}`));
  }
  const areOwn = charges.every(({ price_book }) => price_book === rating.price_book);
  if (!areOwn || hash(chargesText(book, charges)) !== rating.content_hash) {
    faults.push(faultOf(rating, "charges", "its charges do not have its content_hash"));
  }
  // the hash leaves out what is no part of the book's formula
  const fields = new Set(chargeDifferences(charges, [], recomputed).map(({ field }) => field));
  if (fields.size > 0) {
    faults.push(faultOf(rating, "charges", `its charges differ from its usage in ${[...fields].join(", ")}`));
  }
  return faults;
}

/** Null where the usage cannot be rated at all, which no usage that was rated is. */
function ratedAgain(book: PriceBook, usage: readonly UsageRow[]): RatedHour | null {
  try {
    return rateHour(usage, book);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
