import type { StoredClose } from "../closing/chain.ts";
import type { HourRating } from "../rating/charges.ts";
import type { Charge } from "../rating/rate.ts";
import type { Hour } from "../time/hour.ts";
import type { ClosedHours, ManyHours } from "./closed-hours.ts";
import type { DueHours, Ratings } from "./settlement-store.ts";

/** A charge with the book that it says. */
export type StoredRatedCharge = Charge & { readonly price_book: string };

/** All that an audit reads. */
export interface ProofStore
  extends ManyHours,
    Pick<ClosedHours, "eventFindings" | "logFloor">,
    Pick<DueHours, "batchRuns">,
    Pick<Ratings, "priceBooks"> {
  /** All of them, in the order of the chain. */
  closes(): Promise<readonly StoredClose[]>;
  /** The newest of each hour. */
  ratingsOf(hours: readonly Hour[]): Promise<readonly HourRating[]>;
  /** By attempt. */
  chargesOf(ratings: readonly HourRating[]): Promise<ReadonlyMap<string, readonly StoredRatedCharge[]>>;
  ratingsWithoutClose(): Promise<readonly { readonly hour: Hour; readonly revision: number }[]>;
}
