import type { HourAudit } from "../closing/audit.ts";
import type { Cut } from "../closing/cut.ts";
import type { HourClose } from "../closing/revision.ts";
import type { Run } from "../closing/tiling.ts";
import type { UsageRow } from "../closing/usage.ts";
import type { EventFindings } from "../closing/verification.ts";
import type { HourRating } from "../rating/charges.ts";
import type { Charge } from "../rating/rate.ts";
import type { Hour } from "../time/hour.ts";

/** The right to write, until somebody with a higher (epoch, owner) takes it or it runs out. */
export interface Lease {
  readonly epoch: bigint;
  readonly owner: string;
}

export type LeaseAnswer =
  | { readonly kind: "held"; readonly lease: Lease }
  | { readonly kind: "taken"; readonly owner: string; readonly left_ms: number };

export interface DirtyHour {
  readonly hour: Hour;
  readonly late_events: bigint;
  readonly late_voids: bigint;
}

/** A closed hour whose newest revision waits for charges. `rating` and `price_book` are its last rating's, 0 and "" if none. */
export interface HourToRate {
  readonly hour: Hour;
  readonly revision: number;
  readonly attempt_id: string;
  readonly rating: number;
  readonly price_book: string;
}

export interface StoredPriceBook {
  readonly hash: string;
  readonly content: string;
}

/**
 * Where settlement reads the log and keeps what it made of it. What is written with a lease is refused with
 * StaleLeaderError as soon as the lease is not the newest, has run out, or somebody else wrote the same place.
 */
export interface SettlementStore {
  /** Takes the lease, or renews it where `owner` holds it; then ends what an earlier leader left running. */
  takeLease(owner: string, ttlMs: number): Promise<LeaseAnswer>;
  renewLease(lease: Lease, ttlMs: number): Promise<void>;
  releaseLease(lease: Lease): Promise<void>;

  /** The positions of all partitions, at one moment. */
  positions(): Promise<Cut>;
  /** Hours with usage under the cut and without a revision, sorted. */
  openHours(cut: Cut): Promise<readonly Hour[]>;
  /** Closed hours that records between their newest cut and this one change, sorted. */
  dirtyHours(cut: Cut): Promise<readonly DirtyHour[]>;
  batchRuns(from: Cut, to: Cut): Promise<readonly Run[]>;
  hourAudit(hour: Hour, cut: Cut): Promise<HourAudit>;
  /** Usage without voided events. Where ids are not unique, each counts once, with its first copy. */
  hourUsage(hour: Hour, cut: Cut, areIdsUnique: boolean): Promise<readonly UsageRow[]>;

  latestClose(): Promise<HourClose | null>;
  /** Of hours up to this one, rows may have been exported and dropped; 0 if nothing was. */
  logFloor(): Promise<Hour>;
  /** A revision of an hour, the newest one where none is named. */
  hourClose(hour: Hour, revision?: number): Promise<HourClose | null>;
  /** The rows that a close wrote. */
  usageOf(close: { hour: Hour; attempt_id: string }): Promise<readonly UsageRow[]>;
  /** What is wrong with the events of these tenants in a closed hour; of all tenants where none is named. */
  eventFindings(close: HourClose, tenants: readonly string[]): Promise<EventFindings>;
  /** Rows are in no view before their close is committed. */
  writeUsage(close: HourClose, rows: readonly UsageRow[]): Promise<void>;
  commitClose(close: HourClose, lease: Lease): Promise<void>;

  priceBooks(): Promise<readonly StoredPriceBook[]>;
  hoursToRate(): Promise<readonly HourToRate[]>;
  /** Charges are in no view before their rating is committed. */
  writeCharges(rating: HourRating, charges: readonly Charge[]): Promise<void>;
  commitRating(rating: HourRating, lease: Lease): Promise<void>;
}

/** Where the log's records stand in time. */
export interface LogTimes {
  /** By partition, the first offset that was appended at `timeMs` or later; the end where there is none yet. */
  offsetsAt(timeMs: number): Promise<ReadonlyMap<number, number>>;
}
