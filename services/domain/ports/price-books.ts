import type { Hour } from "../time/hour.ts";

/** A published price book as it is stored: canonical JSON, and the hash that names it. */
export interface StoredPriceBook {
  readonly hash: string;
  readonly content: string;
}

export interface NewPriceBook extends StoredPriceBook {
  readonly name: string;
  readonly effective_from: Hour;
  readonly currency: string;
  /** Hash of the book that it supplements, or "". */
  readonly supplements: string;
}

export type PublishAnswer = "published" | "overlaps" | "too_late" | "no_supplement";

/** Published price books, which hours are rated by. */
export interface PriceBooks {
  published(): Promise<readonly StoredPriceBook[]>;
  publish(book: NewPriceBook): Promise<PublishAnswer>;
}
