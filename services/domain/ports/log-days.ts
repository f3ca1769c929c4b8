import type { IngestDay, LogStanding } from "../closing/retention.ts";
import type { Hour } from "../time/hour.ts";
import type { Lease } from "./leases.ts";

/** The file that an ingest day was exported to. */
export interface ExportedDay {
  readonly ingest_day: string;
  readonly day_rows: bigint;
  readonly fingerprint: bigint;
  readonly file: string;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
}

/** The log's ingest days: what stands in their way out, their export, and their end. */
export interface LogDays {
  /** Up to the one that holds this hour, oldest first. */
  days(until: Hour): Promise<readonly string[]>;
  standing(): Promise<LogStanding>;
  day(ingest_day: string): Promise<IngestDay>;
  dayRows(ingest_day: string): Promise<Pick<IngestDay, "day_rows" | "fingerprint">>;
  contents(ingest_day: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  recordDrop(day: ExportedDay, through_hour: Hour, lease: Lease): Promise<"recorded" | "changed">;
  drop(ingest_day: string): Promise<void>;
}
