import { readJsonFile } from "../adapters/files/json-file.ts";
import { overlaps, type PriceBook, readPriceBook } from "../domain/books/price-book.ts";

export interface PriceBooks {
  readonly books: readonly PriceBook[];
  /** A sentence for everything that is wrong with any of the files. */
  readonly faults: readonly string[];
}

/** Reads price book files. Books with faults are left out, so use none of them unless there are no faults. */
export function readPriceBooks(paths: readonly string[]): PriceBooks {
  const books: PriceBook[] = [];
  const faults: string[] = [];
  for (const path of paths) {
    const file = readJsonFile(path);
    if (!file.ok) {
      faults.push(`${path} ${file.problem}`);
      continue;
    }
    const read = readPriceBook(file.document);
    if (read.ok) books.push(read.book);
    else faults.push(...read.faults.map(({ code, message }) => `${path}: ${message} (${code})`));
  }
  return {
    books,
    faults: [...faults, ...overlaps(books).map(({ code, message }) => `${message} (${code})`)],
  };
}
