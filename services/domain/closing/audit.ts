import { USAGE_SUMS, type UsageSums } from "./usage.ts";

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

export const AUDIT_CHECKS = ["unique_ids", "windows", "tiling"] as const;
export type AuditCheck = (typeof AUDIT_CHECKS)[number];

/** The checks that the hour fails; none means that it balances. */
export function failedChecks(audit: HourAudit, tilingFaultCount: number): AuditCheck[] {
  const failed: AuditCheck[] = [];
  if (audit.slices !== audit.unique_ids) failed.push("unique_ids");
  const areSumsEqual = USAGE_SUMS.every((name) => audit.event_sums[name] === audit.window_sums[name]);
  if (!areSumsEqual || audit.differing_keys !== 0n) failed.push("windows");
  if (tilingFaultCount !== 0) failed.push("tiling");
  return failed;
}
