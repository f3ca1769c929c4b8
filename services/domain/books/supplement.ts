import type { Hour } from "../time/hour.ts";
import { bookInForce, isSupplementOf, readPriceBook } from "./price-book.ts";

/**
 * Whether a book may be published as a supplement: it supplements the book that is in force from its hour on, takes effect from the
 * same hour, and only adds cards. Whatever is rated by that book is then rated the same by this one.
 */
export function isSupplement(
  book: { readonly content: string; readonly effective_from: Hour; readonly supplements: string },
  published: readonly { readonly hash: string; readonly content: string }[],
): boolean {
  const own = readPriceBook(JSON.parse(book.content));
  const known = published.flatMap(({ hash, content }) => {
    const read = readPriceBook(JSON.parse(content));
    return read.ok ? [{ ...read.book, hash }] : [];
  });
  const base = bookInForce(known, book.effective_from);
  return own.ok && base !== null && base.hash === book.supplements && isSupplementOf(own.book, base);
}
