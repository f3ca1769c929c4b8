import { USAGE_SUMS, type UsageSums, usageSums } from "./usage.ts";

/** The two sides of an hour's double entry under a cut, both before voids, and what was counted beside the events. */
export interface HourAudit {
  /** Rows of the hour, and unique event ids among them: one row per event and hour. */
  readonly slices: bigint;
  readonly unique_ids: bigint;
  /** Of the unique ids, those that a void takes out. */
  readonly voided: bigint;
  readonly event_sums: UsageSums;
  readonly window_sums: UsageSums;
  /** Keys of windows (tenant, project, model, …) under which the two sides differ. */
  readonly differing_keys: bigint;
  readonly duplicates: bigint;
  readonly conflicts: bigint;
  readonly rejected: bigint;
}

/** What an hour that has no row comes to. */
export const EMPTY_AUDIT: HourAudit = {
  slices: 0n,
  unique_ids: 0n,
  voided: 0n,
  event_sums: usageSums(() => 0n),
  window_sums: usageSums(() => 0n),
  differing_keys: 0n,
  duplicates: 0n,
  conflicts: 0n,
  rejected: 0n,
};

export type AuditCheck = "unique_ids" | "windows" | "tiling";

/** The checks that the hour fails; none means that it balances. */
export function failedChecks(audit: HourAudit, tilingFaultCount: number): AuditCheck[] {
  const failed: AuditCheck[] = [];
  if (audit.slices !== audit.unique_ids) failed.push("unique_ids");
  const areSumsEqual = USAGE_SUMS.every((name) => audit.event_sums[name] === audit.window_sums[name]);
  if (!areSumsEqual || audit.differing_keys !== 0n) failed.push("windows");
  if (tilingFaultCount !== 0) failed.push("tiling");
  return failed;
}
