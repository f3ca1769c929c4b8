import type { Audience } from "../access/audience.ts";
import type { HourAudit } from "../closing/audit.ts";
import type { Cut } from "../closing/cut.ts";
import type { HourClose, RowSum } from "../closing/revision.ts";
import type { UsageRow } from "../closing/usage.ts";
import type { EventFindings } from "../closing/verification.ts";
import type { Hour, HourRange } from "../time/hour.ts";

/** Closed hours, and the log that they were added up from: what a revision is checked with. */
export interface ClosedHours {
  /** A revision of an hour; the newest one where none is named, or 0. */
  hourClose(hour: Hour, revision?: number): Promise<HourClose | null>;
  hourAudit(hour: Hour, cut: Cut): Promise<HourAudit>;
  /** Usage without voided events. Where ids are not unique, each counts once, with its first copy. */
  hourUsage(hour: Hour, cut: Cut, areIdsUnique: boolean, audience?: Audience): Promise<readonly UsageRow[]>;
  /** The rows that a close wrote. */
  usageOf(close: { hour: Hour; attempt_id: string }): Promise<readonly UsageRow[]>;
  /** What is wrong with the events of these tenants in a closed hour. */
  eventFindings(close: HourClose, tenants: readonly string[] | "all"): Promise<EventFindings>;
  /** Of hours up to this one, rows may have been exported and dropped; 0 if nothing was. */
  logFloor(): Promise<Hour>;
}

/** Hours, each with the cut that it is read under. */
export type Cuts = ReadonlyMap<Hour, Cut>;

/** A close that the log is looked at for, and where the one before it in the chain ended. */
export interface Link {
  readonly from: Cut;
  readonly cut: Cut;
}

/** Rows of the log that belong to no hour, and batches whose records are not each one of four (P1). */
export interface BetweenCuts extends RowSum {
  readonly unbalanced: number;
}

/** Many closed hours at once: of what is left out there is nothing. */
export interface ManyHours {
  hourAudits(cuts: Cuts): Promise<ReadonlyMap<Hour, HourAudit>>;
  hourUsages(cuts: Cuts, areIdsUnique: boolean): Promise<ReadonlyMap<Hour, readonly UsageRow[]>>;
  logHashes(cuts: Cuts): Promise<ReadonlyMap<Hour, RowSum>>;
  /** In the order of the links. */
  logHashesBetween(links: readonly Link[]): Promise<readonly BetweenCuts[]>;
  /** The rows that closes wrote, by attempt. */
  usagesOf(
    closes: readonly { readonly hour: Hour; readonly attempt_id: string }[],
  ): Promise<ReadonlyMap<string, readonly UsageRow[]>>;
}

export interface HourRevisionRow {
  readonly hour: string;
  readonly revision: number;
  readonly reason: string;
  readonly sequence: string;
  readonly content_hash: string;
  readonly chain_hash: string;
  readonly previous_hash: string;
  readonly balanced: boolean;
  readonly events: string;
  readonly voided: string;
  readonly closed_at: string;
}

/** Lists revisions of hours, in order. */
export interface HourRevisions {
  hours(
    range: HourRange,
    after: { readonly hour: string; readonly revision: number },
    limit: number,
  ): Promise<readonly HourRevisionRow[]>;
}
