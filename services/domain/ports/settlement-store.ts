import type { GpuHourAccount } from "../closing/account.ts";
import type { Cut } from "../closing/cut.ts";
import type { HourClose } from "../closing/revision.ts";
import type { Run } from "../closing/tiling.ts";
import type { UsageRow } from "../closing/usage.ts";
import type { HourRating } from "../rating/charges.ts";
import type { Charge } from "../rating/rate.ts";
import type { Hour } from "../time/hour.ts";
import type { ClosedHours, ManyHours } from "./closed-hours.ts";
import type { Lease, LeaseAnswer } from "./leases.ts";
import type { StoredPriceBook } from "./price-books.ts";

export interface DirtyHour {
  readonly hour: Hour;
  readonly late_events: bigint;
  readonly late_voids: bigint;
  /** When its newest revision was closed, milliseconds since 1970. */
  readonly closed_at: number;
}

/** A closed hour whose newest revision waits for charges. `rating` and `price_book` are its last rating's, 0 and "" if none. */
export interface HourToRate {
  readonly hour: Hour;
  readonly revision: number;
  readonly attempt_id: string;
  readonly rating: number;
  readonly price_book: string;
  /** Unique ids in it. */
  readonly events: bigint;
}

/** What a rating writes. */
export interface RatedUsage {
  readonly rating: HourRating;
  readonly charges: readonly Charge[];
}

export interface OpenHour {
  readonly hour: Hour;
  /** As windows count them. */
  readonly events: bigint;
}

/** What a close writes. */
export interface ClosedUsage {
  readonly close: HourClose;
  readonly rows: readonly UsageRow[];
}

/** The lead over closing and rating. */
export interface SettlementLead {
  /** Takes the lease, or renews it where `owner` holds it; then ends what an earlier leader left running. */
  takeLease(owner: string, ttlMs: number): Promise<LeaseAnswer>;
  renewLease(lease: Lease, ttlMs: number): Promise<void>;
  releaseLease(lease: Lease): Promise<void>;
}

/** What of the log is not in a revision yet. */
export interface DueHours {
  /** The positions of all partitions, at one moment. */
  positions(): Promise<Cut>;
  /** Hours with usage under the cut and without a revision, sorted. */
  openHours(cut: Cut): Promise<readonly OpenHour[]>;
  /** Closed hours that records between their newest cut and this one change, sorted. */
  dirtyHours(cut: Cut): Promise<readonly DirtyHour[]>;
  batchRuns(from: Cut, to: Cut): Promise<readonly Run[]>;
}

/** Where revisions of hours are written. */
export interface Closes {
  latestClose(): Promise<HourClose | null>;
  /** Rows are in no view before their close is committed. */
  writeUsage(closes: readonly ClosedUsage[]): Promise<void>;
  /** All or none: they follow one another in the chain, and are of different hours. */
  commitCloses(closes: readonly HourClose[], lease: Lease): Promise<void>;
}

/** Where the time of GPUs went. */
export interface GpuHours {
  /** Of every GPU that was watched in the hour, as far as its totals are in the log. */
  gpuHours(hours: readonly Hour[]): Promise<ReadonlyMap<Hour, readonly GpuHourAccount[]>>;
}

/** Where charges of revisions are written, and what they are rated by. */
export interface Ratings {
  priceBooks(): Promise<readonly StoredPriceBook[]>;
  hoursToRate(): Promise<readonly HourToRate[]>;
  /** Charges are in no view before their rating is committed. */
  writeCharges(ratings: readonly RatedUsage[]): Promise<void>;
  /** All or none: of different hours. */
  commitRatings(ratings: readonly HourRating[], lease: Lease): Promise<void>;
}

/**
 * All that a pass of settlement works with. What is written with a lease is refused with StaleLeaderError as soon as the lease
 * is not the newest, has run out, or somebody else wrote the same place.
 */
export interface SettlementStore
  extends SettlementLead,
    DueHours,
    ClosedHours,
    ManyHours,
    Closes,
    GpuHours,
    Ratings {}

/** Where the log's records stand in time. */
export interface LogTimes {
  /** By partition, the first offset that was appended at `timeMs` or later; the end where there is none yet. */
  offsetsAt(timeMs: number): Promise<ReadonlyMap<number, number>>;
}
