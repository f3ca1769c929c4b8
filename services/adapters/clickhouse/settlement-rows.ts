import type { GpuHourAccount } from "../../domain/closing/account.ts";
import type { AuditCheck, HourAudit } from "../../domain/closing/audit.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import {
  USAGE_SUMS,
  type UsageKey,
  type UsageRow,
  type UsageSums,
  usageKey,
  usageSums,
} from "../../domain/closing/usage.ts";
import { formatDecimal } from "../../domain/money/decimal.ts";
import { CHARGE_FACTORS, type HourRating } from "../../domain/rating/charges.ts";
import type { Charge } from "../../domain/rating/rate.ts";
import { formatHour, type Hour } from "../../domain/time/hour.ts";
import type { Params } from "./client.ts";

// Shapes of settlement's rows as JSON brings them: integers of 64 bits and more and decimals are texts.

type Texts<Name extends string> = { readonly [name in Name]: string };

export type UsageRecord = UsageKey & Texts<(typeof USAGE_SUMS)[number]> & { apportionments: string[] };

export type AuditRecord = Texts<
  "slices" | "unique_ids" | "voided" | "differing_keys" | "duplicates" | "conflicts" | "rejected"
> & { event_sums: string[]; window_sums: string[] };

export type CloseRecord = Omit<
  HourClose,
  | "sequence"
  | "cut"
  | "closed_at"
  | "epoch"
  | "failed_checks"
  | "event_sums"
  | "window_sums"
  | keyof AuditRecord
> &
  Texts<"sequence" | "closed_at" | "epoch"> &
  Omit<AuditRecord, "event_sums" | "window_sums"> & {
    cut: Record<string, string>;
    failed_checks: AuditCheck[];
    event_sums: Record<string, string>;
    window_sums: Record<string, string>;
  };

/** A DateTime as ClickHouse reads it in JSON. */
export function dateTime(hour: Hour): string {
  return formatHour(hour).replace("T", " ").replace("Z", "");
}

export function toCut(rows: readonly { kafka_partition: number; position: string }[]): Cut {
  return new Map(rows.map(({ kafka_partition, position }) => [kafka_partition, BigInt(position)]));
}

export function toUsage(record: UsageRecord): UsageRow {
  return {
    ...usageKey(record),
    ...usageSums((name) => BigInt(record[name])),
    apportionments: record.apportionments,
  };
}

/** The key of a cut's partition under an hour, or of whatever else a cut is kept by; at most 2^16 partitions. */
const CUT_PARTITIONS = 65_536n;

/** Cuts by hour, or by link, as the queries' includes look them up. Never empty: the server cannot type that. */
export function cutParams(cuts: Iterable<readonly [number, Cut]>, side: "cut" | "from" = "cut"): Params {
  const places = [...cuts].flatMap(([of, cut]) =>
    [...cut].map(([partition, offset]) => [BigInt(of) * CUT_PARTITIONS + BigInt(partition), offset] as const),
  );
  if (places.length === 0) places.push([0n, 0n]);
  return {
    [`${side}_keys`]: places.map(([key]) => key),
    [`${side}_offsets`]: places.map(([, offset]) => offset),
  };
}

export function toAudit(record: AuditRecord): HourAudit {
  return {
    slices: BigInt(record.slices),
    unique_ids: BigInt(record.unique_ids),
    voided: BigInt(record.voided),
    event_sums: inOrder(record.event_sums),
    window_sums: inOrder(record.window_sums),
    differing_keys: BigInt(record.differing_keys),
    duplicates: BigInt(record.duplicates),
    conflicts: BigInt(record.conflicts),
    rejected: BigInt(record.rejected),
  };
}

export function toClose(record: CloseRecord): HourClose {
  const cut = Object.entries(record.cut).map(([partition, offset]) => [Number(partition), BigInt(offset)]);
  return {
    sequence: BigInt(record.sequence),
    hour: record.hour,
    revision: record.revision,
    attempt_id: record.attempt_id,
    reason: record.reason,
    cut: new Map(cut as [number, bigint][]),
    previous_hash: record.previous_hash,
    content_hash: record.content_hash,
    chain_hash: record.chain_hash,
    failed_checks: record.failed_checks,
    slices: BigInt(record.slices),
    unique_ids: BigInt(record.unique_ids),
    voided: BigInt(record.voided),
    differing_keys: BigInt(record.differing_keys),
    duplicates: BigInt(record.duplicates),
    conflicts: BigInt(record.conflicts),
    rejected: BigInt(record.rejected),
    event_sums: usageSums((name) => BigInt(record.event_sums[name] ?? 0)),
    window_sums: usageSums((name) => BigInt(record.window_sums[name] ?? 0)),
    closed_at: Number(record.closed_at),
    epoch: BigInt(record.epoch),
    text_version: record.text_version,
    log_hash: record.log_hash,
    key_id: record.key_id,
    public_key: record.public_key,
    signature: record.signature,
  };
}

type GpuTime = "physical_ns" | "busy_ns" | "unmetered_ns";
export type GpuHourRecord = Omit<GpuHourAccount, GpuTime> & Texts<GpuTime> & { readonly hour: Hour };

export function toGpuHour({ hour: _hour, ...record }: GpuHourRecord): GpuHourAccount {
  return {
    ...record,
    physical_ns: BigInt(record.physical_ns),
    busy_ns: BigInt(record.busy_ns),
    unmetered_ns: BigInt(record.unmetered_ns),
  };
}

/** A row of settlement_commit_close.sql. */
export function closeRecord(close: HourClose): object {
  return { ...close, cut: Object.fromEntries(close.cut) };
}

/** A row of settlement_commit_rating.sql. */
export function ratingRecord(rating: HourRating): object {
  return {
    ...rating,
    charges_total: formatDecimal(rating.charges_total),
    operator_total: formatDecimal(rating.operator_total),
  };
}

export function usageRecord(close: HourClose, row: UsageRow): object {
  const { hour, revision, attempt_id } = close;
  return { hour: dateTime(hour), revision, attempt_id, ...row };
}

export function chargeRecord(rating: HourRating, charge: Charge): object {
  const { hour, revision, rating: number, attempt_id, price_book } = rating;
  const terms = Object.fromEntries(CHARGE_FACTORS.map((name) => [name, formatDecimal(charge[name])]));
  return { hour: dateTime(hour), revision, rating: number, attempt_id, price_book, ...charge, ...terms };
}

/** Sums that SQL keeps as an array in the order of USAGE_SUMS; an hour without rows has an empty one. */
function inOrder(sums: readonly string[]): UsageSums {
  return usageSums((name) => BigInt(sums[USAGE_SUMS.indexOf(name)] ?? 0));
}
