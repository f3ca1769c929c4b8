import type { Audience } from "../access/audience.ts";
import type {
  NULLABLE_UINT32_FIELDS,
  NULLABLE_UINT64_FIELDS,
  UINT16_FIELDS,
  UINT32_FIELDS,
  UINT64_FIELDS,
} from "../block/columns.ts";
import type { UsageKey } from "../closing/usage.ts";
import type { EventVoid } from "../event/reader.ts";
import type { EnumField, TextField } from "../event/record.ts";
import type { HourRange } from "../time/hour.ts";
import type { MacOf } from "../trust/corrections.ts";

type Names<List extends readonly string[]> = List[number];
type KeyField = keyof UsageKey;

/** An event's fields as the log has them: texts ("" for an absent one), and integers of 64 bits as texts. */
type LoggedFields = { readonly [name in TextField | EnumField]: string } & {
  readonly [name in Names<typeof UINT64_FIELDS>]: string;
} & { readonly [name in Names<typeof NULLABLE_UINT64_FIELDS>]: string | null } & {
  readonly [name in Names<typeof UINT32_FIELDS> | Names<typeof UINT16_FIELDS>]: number;
} & { readonly [name in Names<typeof NULLABLE_UINT32_FIELDS>]: number | null } & {
  readonly kafka_partition: number;
  readonly kafka_offset: string;
  readonly ingested_at: string;
  readonly started_at: string;
  readonly ended_at: string;
};

/** An event as it counts in the hour of a charge, without what the charge says itself. Times are ISO 8601. */
export type ChargedEvent = Omit<LoggedFields, KeyField> & { readonly event_id: string };

/** A whole event as the log has it. Times are in microseconds since 1970. */
export type StoredEvent = LoggedFields & { readonly id: string; readonly hours: string[] };

/** An order in the log that takes an event out. */
export interface VoidOrder {
  readonly reason: string;
  readonly issued_by: string;
  readonly issued_at: string;
  readonly ingested_at: string;
}

/** What became of the records of a tenant and hour: received is the sum of the other four. */
export interface RecordCounts {
  readonly hour: string;
  readonly tenant_id: string;
  readonly received: string;
  readonly counted: string;
  readonly duplicates: string;
  readonly conflicts: string;
  readonly rejected: string;
}

export interface RejectedRecord {
  readonly kafka_partition: number;
  readonly kafka_offset: string;
  readonly ingested_at: string;
  readonly reject_code: string;
  readonly reject_detail: string;
  readonly tenant_id: string;
  readonly key_base64: string;
  readonly value_base64: string;
}

/** Single records of the log, and how they were counted. */
export interface RecordLedger {
  accounting(
    range: HourRange,
    audience: Audience,
    after: { readonly hour: string; readonly tenant_id: string },
    limit: number,
  ): Promise<readonly RecordCounts[]>;
  /** With one code, or with any where it is null. */
  rejected(
    filter: { readonly code: string | null; readonly audience: Audience },
    after: { readonly partition: number; readonly offset: string },
    limit: number,
  ): Promise<readonly RejectedRecord[]>;
  event(event_id: string): Promise<StoredEvent | null>;
  voidsOf(event_id: string): Promise<readonly VoidOrder[]>;
}

/** Where corrections go: the log that the probes write to. */
export interface CorrectionLog {
  /** Resolves once the records are safe. `key` is the event's id. */
  send(records: readonly EncodedRecord[]): Promise<void>;
}

/** A record as it goes to Kafka. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Writes records as the probes do, and reads them as the processor does. */
export interface RecordCodec {
  /** The successor of an amended event. Fields by their Avro names; `event_id` as 16 bytes. Without `macOf` it has no MAC. */
  encodeSuccessor(fields: Readonly<Record<string, unknown>>, macOf: MacOf | null): EncodedRecord;
  encodeVoid(order: Omit<EventVoid, "correction_mac">, macOf: MacOf | null): EncodedRecord;
  /** Why the processor would reject an encoded event; null if it would not. */
  rejection(value: Uint8Array, age: { readonly nowMs: number; readonly ageMsMax: number }): string | null;
}
