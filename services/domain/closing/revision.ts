import { formatHour, type Hour } from "../time/hour.ts";
import type { AuditCheck, HourAudit } from "./audit.ts";
import { type Cut, cutText } from "./cut.ts";
import {
  compareText,
  hashedSums,
  type TextVersion,
  USAGE_KEYS,
  USAGE_SUMS,
  type UsageKey,
  type UsageRow,
  type UsageSums,
  usageKey,
  usageKeyText,
  usageSums,
} from "./usage.ts";

/** What an hour holds under a cut. Two contents are the same usage if and only if their texts are equal. */
export interface HourContent {
  readonly hour: Hour;
  readonly unique_ids: bigint;
  readonly voided: bigint;
  readonly rows: readonly UsageRow[];
}

/** A committed revision of an hour. Hashes are SHA-256 in hexadecimal; `closed_at` is in milliseconds since 1970. */
export interface HourClose extends HourAudit {
  /** 1, 2, 3 … over all hours. */
  readonly sequence: bigint;
  readonly hour: Hour;
  readonly revision: number;
  readonly attempt_id: string;
  readonly reason: string;
  readonly cut: Cut;
  readonly previous_hash: string;
  readonly content_hash: string;
  readonly chain_hash: string;
  readonly failed_checks: readonly AuditCheck[];
  readonly closed_at: number;
  readonly epoch: bigint;
  /** Of the texts behind its hashes. */
  readonly text_version: TextVersion;
  /** Of the log's rows that it read, as `logHash` writes it; "" where none was made. */
  readonly log_hash: string;
  /** Whose signature it is: 16 hexadecimal digits, and the key as SPKI in base64. "" for all three without a key. */
  readonly key_id: string;
  readonly public_key: string;
  /** Ed25519 over `linkText`, in base64. */
  readonly signature: string;
}

/** What a close is before it has its place in the chain and its signature. */
export type UnlinkedClose = Omit<HourClose, "chain_hash" | "key_id" | "public_key" | "signature">;

/** What the first close of all has for a row before it. */
export const CHAIN_START = "0".repeat(64);

/** The hour's usage as the text that is hashed: a head, then one JSON line per row in the order of their keys. */
export function contentText({ hour, unique_ids, voided, rows }: HourContent, version: TextVersion): string {
  const lines = rows
    .map((row) => ({ row, key: usageKeyText(row) }))
    .toSorted((left, right) => compareText(left.key, right.key))
    .map(({ row }) => JSON.stringify(rowValues(row, version)));
  const head = [
    `meterhouse-hour/${version}`,
    formatHour(hour),
    String(unique_ids),
    String(voided),
    rows.length,
  ];
  return [JSON.stringify(head), ...lines, ""].join("\n");
}

/** The close as the text whose hash is the chain's next link. It holds the link before, so none can be changed alone. */
export function chainText(close: UnlinkedClose): string {
  return JSON.stringify([
    `meterhouse-close/${close.text_version}`,
    close.previous_hash,
    String(close.sequence),
    formatHour(close.hour),
    close.revision,
    close.reason,
    cutText(close.cut),
    close.content_hash,
    close.failed_checks,
    [
      close.slices,
      close.unique_ids,
      close.voided,
      close.differing_keys,
      close.duplicates,
      close.conflicts,
      close.rejected,
    ].map(String),
    hashedSums(close.event_sums, close.text_version),
    hashedSums(close.window_sums, close.text_version),
    close.closed_at,
    // closes of before have none, and keep their hash
    ...(close.log_hash === "" ? [] : [close.log_hash]),
  ]);
}

/** The link as the text that is signed. */
export function linkText(close: HourClose): string {
  return JSON.stringify([
    "meterhouse-link/1",
    String(close.sequence),
    formatHour(close.hour),
    close.revision,
    close.previous_hash,
    close.content_hash,
    close.log_hash,
    close.chain_hash,
    // not in chain_hash
    close.attempt_id,
    String(close.epoch),
    close.text_version,
  ]);
}

/** A sum over rows of the log, in hexadecimal, and how many they are. */
export interface RowSum {
  readonly sum: string;
  readonly rows: bigint;
}
export const NO_ROWS: RowSum = { sum: "", rows: 0n };

/** Version 1: the rows of the hour, and the batches, voids and rejects since the close before. */
export function logHash(hour: RowSum, between: RowSum): string {
  return ["1", ...[hour, between].map(({ sum, rows }) => `${rows}-${sum}`)].join(":");
}

/** Usage that a revision added (positive) or took away (negative), by key. */
export type UsageChange = UsageKey & UsageSums;

/** The signed difference between two revisions of an hour, in the order of keys; keys that did not change are left out. */
export function revisionChanges(before: readonly UsageRow[], after: readonly UsageRow[]): UsageChange[] {
  const changes = new Map<string, UsageChange>();
  const add = (row: UsageRow, sign: bigint) => {
    const key = usageKeyText(row);
    const change = changes.get(key);
    const sums = usageSums((name) => (change?.[name] ?? 0n) + sign * row[name]);
    changes.set(key, { ...usageKey(row), ...sums });
  };
  for (const row of after) add(row, 1n);
  for (const row of before) add(row, -1n);
  return [...changes]
    .filter(([, change]) => USAGE_SUMS.some((name) => change[name] !== 0n))
    .toSorted(([left], [right]) => compareText(left, right))
    .map(([, change]) => change);
}

function rowValues(row: UsageRow, version: TextVersion): unknown[] {
  return [...USAGE_KEYS.map((name) => row[name]), ...hashedSums(row, version), row.apportionments];
}
