import type { Caller } from "../../domain/access/caller.ts";
import type { PublishedBook } from "../../domain/billing/contract-segments.ts";
import { canonicalPriceBook, type PriceBook, readPriceBook } from "../../domain/books/price-book.ts";
import { compareText } from "../../domain/closing/usage.ts";
import type { Documents } from "../../domain/ports/documents.ts";
import type { NewPriceBook, PriceBooks } from "../../domain/ports/price-books.ts";

import { formatHour } from "../../domain/time/hour.ts";

export interface KnownBook extends NewPriceBook {
  readonly status: "draft" | "published";
}

export interface BookShelf {
  readonly documents: Documents;
  readonly books: PriceBooks;
  readonly hash: (text: string) => string;
}

const DRAFTS_MAX = 10_000;

/** A valid book, named by the hash of its contents. */
export function bookOf(
  book: PriceBook,
  status: KnownBook["status"],
  { hash }: Pick<BookShelf, "hash">,
): KnownBook {
  const { name, effective_from, currency, supplements } = book;
  const content = canonicalPriceBook(book);
  return { hash: hash(content), name, effective_from, currency, supplements, content, status };
}

/** The books that a caller may see, in the order in which they take effect. Drafts are the operators' business. */
export async function knownBooks(shelf: BookShelf, { scope }: Pick<Caller, "scope">): Promise<KnownBook[]> {
  const published = (await shelf.books.published()).map(({ content }) =>
    parseStored(content, "published", shelf),
  );
  if (scope === "tenant") return published;
  const hashes = new Set(published.map((book) => book.hash));
  const drafts = (await shelf.documents.list("price_book", "", DRAFTS_MAX))
    .filter(({ id }) => !hashes.has(id))
    .map(({ content }) => parseStored(content as string, "draft", shelf));
  return [...published, ...drafts].toSorted((a, b) => compareText(bookPlace(a).join(), bookPlace(b).join()));
}

export async function findBook(
  shelf: BookShelf,
  price_book: string,
  caller: Pick<Caller, "scope">,
): Promise<KnownBook | undefined> {
  return (await knownBooks(shelf, caller)).find(({ hash }) => hash === price_book);
}

/** Every published book with its hash, as settlement takes them. */
export async function publishedBooks(shelf: Pick<BookShelf, "books" | "hash">): Promise<PublishedBook[]> {
  const stored = await shelf.books.published();
  return stored.map(({ hash, content }) => {
    const read = readPriceBook(JSON.parse(content));
    if (!read.ok || shelf.hash(content) !== hash) {
      throw new Error(`The published price book ${hash} is not what its hash says: it was changed.`);
    }
    return { ...read.book, hash };
  });
}

export function bookPlace({ effective_from, hash }: Pick<KnownBook, "effective_from" | "hash">) {
  return [formatHour(effective_from), hash];
}

function parseStored(content: string, status: KnownBook["status"], shelf: BookShelf): KnownBook {
  const read = readPriceBook(JSON.parse(content));
  if (!read.ok) throw new Error("a stored price book has faults: it was changed");
  return { ...bookOf(read.book, status, shelf), hash: shelf.hash(content), content };
}
