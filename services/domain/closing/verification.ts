import { formatHour, type Hour } from "../time/hour.ts";
import type { HourAudit } from "./audit.ts";
import { chainText, contentText, type HourClose } from "./revision.ts";
import { compareText, USAGE_SUMS, type UsageKey, type UsageRow, usageKey, usageKeyText } from "./usage.ts";

/** Where the usage of a key differs: the field, as the closed hour has it and as its events come to. "" for nothing. */
export interface UsageDifference {
  readonly field: string;
  readonly closed: string;
  readonly recomputed: string;
}

export type KeyDifference = UsageKey & { readonly differences: readonly UsageDifference[] };

/**
 * An event that is not what was counted. changed: its columns are no longer those of the record that came; repeated: it is
 * there more than once; uncounted: no batch counted a record at its place in Kafka.
 */
export interface EventFinding {
  readonly finding: "changed" | "repeated" | "uncounted";
  readonly event_id: string;
  readonly tenant_id: string;
  readonly kafka_partition: number;
  readonly kafka_offset: bigint;
}

/** A batch of which more or fewer records are in the log than it counted. */
export interface BatchFinding {
  readonly kafka_partition: number;
  readonly first_offset: bigint;
  readonly last_offset: bigint;
  readonly counted: bigint;
  readonly found: bigint;
  /** Offsets of the batch without a row, where rows are missing: duplicates have none either. The first ones. */
  readonly offsets_without_row: readonly bigint[];
}

/** What is wrong with the events of an hour: the first of each, and how many more there are. */
export interface EventFindings {
  readonly events: readonly EventFinding[];
  readonly more_events: number;
  readonly batches: readonly BatchFinding[];
  readonly more_batches: number;
}

export const NO_FINDINGS: EventFindings = { events: [], more_events: 0, batches: [], more_batches: 0 };

/** What a revision of an hour was checked against, and whether it held. */
export interface Verification {
  readonly revision: number;
  readonly content_hash: string;
  /** From the events in the log, under the revision's own cut. */
  readonly events_match: boolean;
  /** From the rows that the revision keeps. */
  readonly rows_match: boolean;
  /** The close itself still has the hash that the next one is chained to. */
  readonly chain_matches: boolean;
  /** Keys whose rows differ from their events. */
  readonly keys: readonly KeyDifference[];
}

export type HourVerification = Verification & EventFindings;

/** One tenant's part of a revision of an hour. */
export type TenantHourCheck = Pick<Verification, "rows_match" | "chain_matches" | "keys"> &
  EventFindings & {
    /** The tenant's usage: from its events, or from the hour's rows if events were not added up. */
    readonly usage: readonly UsageRow[];
    /** Its usage is that of its events, and that is vouched for by the chain. */
    readonly is_sound: boolean;
  };

export interface Recomputed {
  readonly audit: Pick<HourAudit, "unique_ids" | "voided">;
  readonly from_events: readonly UsageRow[];
  readonly from_rows: readonly UsageRow[];
}

/** Compares a revision's hashes with those of what was added up again. `hash` is SHA-256 in hexadecimal. */
export function verifyRevision(
  close: HourClose,
  { audit, from_events, from_rows }: Recomputed,
  hash: (text: string) => string,
): Verification {
  const { unique_ids, voided } = audit;
  const content = { hour: close.hour, unique_ids, voided, rows: from_events };
  const events = contentText(content, close.text_version);
  return {
    ...verifyClose(close, from_rows, hash),
    events_match: hash(events) === close.content_hash,
    keys: keyDifferences(from_rows, from_events),
  };
}

/** A close and its rows by themselves, without the events. */
export function verifyClose(
  close: HourClose,
  rows: readonly UsageRow[],
  hash: (text: string) => string,
): Omit<Verification, "events_match" | "keys"> {
  return {
    revision: close.revision,
    content_hash: close.content_hash,
    rows_match: hash(contentText({ ...close, rows }, close.text_version)) === close.content_hash,
    chain_matches: hash(chainText(close)) === close.chain_hash,
  };
}

/** Keys under which a closed hour and what was added up again differ, in the order of keys. */
export function keyDifferences(
  closed: readonly UsageRow[],
  recomputed: readonly UsageRow[],
): KeyDifference[] {
  const before = new Map(closed.map((row) => [usageKeyText(row), row]));
  const after = new Map(recomputed.map((row) => [usageKeyText(row), row]));
  const keys = [...new Set([...before.keys(), ...after.keys()])].toSorted(compareText);
  return keys.flatMap((key): KeyDifference[] => {
    const [left, right] = [before.get(key), after.get(key)];
    const row = left ?? right;
    const differences = differencesOf(left, right);
    return row === undefined || differences.length === 0 ? [] : [{ ...usageKey(row), differences }];
  });
}

function differencesOf(closed: UsageRow | undefined, recomputed: UsageRow | undefined): UsageDifference[] {
  const fields = [...USAGE_SUMS, "apportionments"] as const;
  const text = (row: UsageRow | undefined, field: (typeof fields)[number]) =>
    row === undefined ? "" : String(row[field]);
  return fields
    .map((field) => ({ field, closed: text(closed, field), recomputed: text(recomputed, field) }))
    .filter((it) => it.closed !== it.recomputed);
}

/** The tenants among whose events the fault must lie; all of them (none named) where every key adds up. */
export function suspectTenants(keys: readonly KeyDifference[]): string[] {
  return [...new Set(keys.map(({ tenant_id }) => tenant_id))];
}

/** Keys that a result lists at most; each is a line of a bill. */
const KEYS_MAX = 100;

/** As plain JSON values, large integers as texts. */
export function verificationJson(hour: Hour, verified: HourVerification) {
  const { events_match, rows_match, chain_matches } = verified;
  const matches = events_match && rows_match && chain_matches;
  return { hour: formatHour(hour), ...verified, matches, ...findingsJson(verified) };
}

/** What is not as it was counted, as plain JSON values. */
export function findingsJson({
  keys,
  events,
  more_events,
  batches,
  more_batches,
}: Pick<Verification, "keys"> & EventFindings) {
  return {
    keys: keys.slice(0, KEYS_MAX).map((key) => ({ ...key, differences: [...key.differences] })),
    more_keys: Math.max(0, keys.length - KEYS_MAX),
    events: events.map((event) => ({ ...event, kafka_offset: String(event.kafka_offset) })),
    more_events,
    more_batches,
    batches: batches.map((batch) => ({
      ...batch,
      first_offset: String(batch.first_offset),
      last_offset: String(batch.last_offset),
      counted: String(batch.counted),
      found: String(batch.found),
      offsets_without_row: batch.offsets_without_row.map(String),
    })),
  };
}
