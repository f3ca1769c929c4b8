import { canonicalPriceBook, type PriceBook } from "../../domain/books/price-book.ts";
import type { Lease } from "../../domain/ports/leases.ts";

import type { Settlement } from "../pipeline.ts";

const REFUSALS = {
  overlaps:
    "price book refused: another one is published for the same hour, and published books never change; make a new book with a later effective_from",
  too_late:
    "price book refused: hours after its effective_from are rated already; make a new book with a later effective_from",
} as const;

/** Publishes the configured books that are not published yet. A refused one is logged and the others stay in force. */
export async function publishBooks(
  { store, hash, log }: Settlement,
  lease: Lease,
  books: readonly PriceBook[],
): Promise<void> {
  if (books.length === 0) return;
  const published = new Set((await store.priceBooks()).map((book) => book.hash));
  for (const book of books) {
    const content = canonicalPriceBook(book);
    const { name, effective_from, currency } = book;
    const candidate = { hash: hash(content), content, name, effective_from, currency };
    if (published.has(candidate.hash)) continue;
    const answer = await store.publishBook(candidate, lease);
    if (answer === "published") log.info({ book: name, hash: candidate.hash }, "price book published");
    else log.error({ book: name, hash: candidate.hash }, REFUSALS[answer]);
  }
}
