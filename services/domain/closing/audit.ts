import { USAGE_SUMS, type UsageRow, type UsageSums, usageSums } from "./usage.ts";

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

/**
 * Why the rows that were read cannot be the usage of the hour that was audited, or null. A store that answers nothing, or half,
 * must not close an hour.
 * @param slicesBefore of the hour's newest revision, 0 if there is none: rows of the log never go
 */
export function readFault(audit: HourAudit, rows: readonly UsageRow[], slicesBefore: bigint): string | null {
  const { slices, unique_ids, voided, event_sums } = audit;
  if (audit === EMPTY_AUDIT) return "nothing was audited";
  if (slices < slicesBefore) return `${slices} event rows are left of ${slicesBefore}`;
  if (rows.length > 0 !== unique_ids > voided) {
    return `${rows.length} rows of usage were read for ${unique_ids - voided} events`;
  }
  const read = usageSums((name) => rows.reduce((sum, row) => sum + row[name], 0n));
  const isExact = voided === 0n && slices === unique_ids;
  const wrong = USAGE_SUMS.find((name) =>
    isExact ? read[name] !== event_sums[name] : read[name] > event_sums[name],
  );
  return wrong === undefined
    ? null
    : `the rows of usage come to ${wrong} ${read[wrong]}, their events to ${event_sums[wrong]}`;
}
