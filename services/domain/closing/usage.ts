import { EVENT_SUMS, type EventSum, type FieldsWith, fieldsWith } from "../event/fields.ts";

type KeyName = FieldsWith<{ readonly usage_key: true }>;
/** What one row of usage_hourly is grouped by, in the order in which rows are sorted and hashed. */
export const USAGE_KEYS: readonly KeyName[] = fieldsWith({ usage_key: true });

type SumName = "events" | EventSum;
/**
 * The sums of a row, all integers, so that every price factor follows from them exactly. `gpu_busy_known_ns` is the
 * GPU time of those events whose busy time is measured, `gpu_busy_counter_ns` of those whose card counted it; products such
 * as `memory_time_byte_ns` weigh by gpu_time_ns.
 */
export const USAGE_SUMS: readonly SumName[] = ["events", ...EVENT_SUMS.map(({ name }) => name)];

/** Version of the texts that hours are hashed as: each has the sums of its time. */
export type TextVersion = 1 | 2;
export const TEXT_VERSION: TextVersion = 2;
const SUMS_SINCE_2: ReadonlySet<SumName> = new Set<SumName>(["gpu_busy_counter_ns"]);
const SUMS_OF: { readonly [version in TextVersion]: readonly SumName[] } = {
  1: USAGE_SUMS.filter((name) => !SUMS_SINCE_2.has(name)),
  2: USAGE_SUMS,
};

export function isKnownVersion(version: number): version is TextVersion {
  return version in SUMS_OF;
}

/** The sums as a version hashes them. Later ones are left out while they are 0: were they not, the text must differ. */
export function hashedSums(sums: UsageSums, version: TextVersion): string[] {
  const names = SUMS_OF[version];
  const areLaterZero = USAGE_SUMS.every((name) => names.includes(name) || sums[name] === 0n);
  return (areLaterZero ? names : USAGE_SUMS).map((name) => String(sums[name]));
}

export type UsageKey = { readonly [name in KeyName]: string };
/** What windows know of a key, as the processors sum by it. */
export type WindowKeyFields = Pick<UsageKey, FieldsWith<{ readonly window_key: true }>>;
export type UsageSums = { readonly [name in SumName]: bigint };

/** Usage of one hour under one key. `apportionments` are the sharing policies it rests on, sorted. */
export type UsageRow = UsageKey & UsageSums & { readonly apportionments: readonly string[] };

/** The key as one string: equal keys give equal strings, and their order is the order of rows. */
export function usageKeyText(key: UsageKey): string {
  return JSON.stringify(USAGE_KEYS.map((name) => key[name]));
}

/** Order of strings by UTF-16 code units, the same on every machine and in every locale. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Builds the record of sums by asking for each in turn. */
export function usageSums(sumOf: (name: SumName) => bigint): UsageSums {
  return Object.fromEntries(USAGE_SUMS.map((name) => [name, sumOf(name)])) as UsageSums;
}

/** The key fields of a row, without its sums. */
export const usageKey = (row: UsageKey): UsageKey => usageKeyOf((name) => row[name]);

/** Builds a key by asking for each field in turn. */
export function usageKeyOf(textOf: (name: KeyName) => string): UsageKey {
  return Object.fromEntries(USAGE_KEYS.map((name) => [name, textOf(name)])) as UsageKey;
}
