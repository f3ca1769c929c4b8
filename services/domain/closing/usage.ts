/** What one row of usage_hourly is grouped by, in the order in which rows are sorted and hashed. */
export const USAGE_KEYS = [
  "tenant_id",
  "project_id",
  "model",
  "model_version",
  "gpu_model",
  "mig_profile",
  "sharing",
  "phase",
  "outcome",
] as const;

/**
 * The sums of a row, all integers, so that every price factor follows from them exactly. `gpu_busy_known_ns` is the
 * GPU time of those events whose busy time is known; products such as `memory_time_byte_ns` weigh by gpu_time_ns.
 */
export const USAGE_SUMS = [
  "events",
  "gpu_time_ns",
  "gpu_busy_ns",
  "gpu_busy_known_ns",
  "communication_ns",
  "memory_time_byte_ns",
  "energy_uj",
  "power_avg_time_mw_ns",
  "power_peak_time_mw_ns",
  "nvlink_tx_bytes",
  "nvlink_rx_bytes",
  "tokens_in",
  "tokens_cached",
  "tokens_out",
  "batch_steps",
] as const;

export type UsageKey = { readonly [name in (typeof USAGE_KEYS)[number]]: string };
export type UsageSums = { readonly [name in (typeof USAGE_SUMS)[number]]: bigint };

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
export function usageSums(sumOf: (name: (typeof USAGE_SUMS)[number]) => bigint): UsageSums {
  return Object.fromEntries(USAGE_SUMS.map((name) => [name, sumOf(name)])) as UsageSums;
}

/** The key fields of a row, without its sums. */
export function usageKey(row: UsageKey): UsageKey {
  return Object.fromEntries(USAGE_KEYS.map((name) => [name, row[name]])) as UsageKey;
}
