import { SPAN_MAX_US } from "../event/validate.ts";
import { DAY_MS, type Hour, hourEndMs } from "../time/hour.ts";
import { type Cut, reaches } from "./cut.ts";

/** The oldest event that any processor may be set to accept, whatever this one is set to. */
export const EVENT_AGE_MS_MAX = 90 * DAY_MS;
/** Room for the clocks of two machines to differ. */
const CLOCK_MARGIN_MS = 3_600_000;

/** What an ingest day of the log holds, and how the rest of the log and the closed hours stand to it. */
export interface IngestDay {
  /** Such as "2026-11-23". */
  readonly ingest_day: string;
  readonly day_rows: bigint;
  /** A sum over all columns of all rows, the same in any order. */
  readonly fingerprint: bigint;
  /** The last hour that a row of the day counts in. */
  readonly through_hour: Hour;
  /** Events and windows of the day that the newest revision of their hour does not cover. */
  readonly uncovered_rows: bigint;
  /** Kafka partitions whose position no other day holds. */
  readonly last_positions: bigint;
  /** Batches that no close has yet checked for gaps. */
  readonly unaudited_batches: bigint;
}

export interface LogStanding {
  readonly positions: Cut;
  /** Hours with usage and no revision, and hours with records that their newest revision does not have. */
  readonly unsettled_hours: readonly Hour[];
}

export const KEPT_REASONS = [
  /** Records may still come that count in its hours. */
  "hours_not_final",
  /** An hour up to its last one is not closed, or its newest revision lacks records. */
  "hours_not_settled",
  "batches_not_audited",
  /** It is where the position of a Kafka partition stands. */
  "last_position",
  /** Rows came while it was exported; the next turn exports it again. */
  "changed",
] as const;
export type KeptReason = (typeof KEPT_REASONS)[number];

/**
 * From this append time on nothing can count in the hour any more: an event is accepted for 90 days and covers at most 24
 * hours, so what reaches into the hour ends a day after it at the latest.
 */
export function finalAtMs(hour: Hour): number {
  return hourEndMs(hour) + SPAN_MAX_US / 1000 + EVENT_AGE_MS_MAX;
}

/** Whether the append time after which nothing can count in the hour is past, by a clock that may be a little ahead. */
export function isPast(hour: Hour, nowMs: number): boolean {
  return finalAtMs(hour) + CLOCK_MARGIN_MS <= nowMs;
}

/**
 * Why an ingest day has to stay; nothing if it may be dropped, once it is exported. Each reason that is gone stays gone,
 * so that a day which may be dropped may be dropped later too.
 * @param finalOffsets by Kafka partition, the first offset appended when nothing could count in its hours any more
 */
export function keptBecause(
  day: IngestDay,
  { positions, unsettled_hours }: LogStanding,
  finalOffsets: Cut | null,
): KeptReason[] {
  const kept: KeptReason[] = [];
  const isFinal = finalOffsets !== null && reaches(positions, finalOffsets);
  if (!isFinal) kept.push("hours_not_final");
  if (day.uncovered_rows > 0n || unsettled_hours.some((hour) => hour <= day.through_hour)) {
    kept.push("hours_not_settled");
  }
  if (day.unaudited_batches > 0n) kept.push("batches_not_audited");
  if (day.last_positions > 0n) kept.push("last_position");
  return kept;
}
