import { EMPTY_AUDIT, failedChecks, type HourAudit } from "../../domain/closing/audit.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import { NO_ROWS, type RowSum } from "../../domain/closing/revision.ts";
import type { UsageRow } from "../../domain/closing/usage.ts";
import type { SettlementStore } from "../../domain/ports/settlement-store.ts";
import type { Hour } from "../../domain/time/hour.ts";

/** What the log holds of an hour. */
export interface ReadHour {
  readonly audit: HourAudit;
  readonly rows: readonly UsageRow[];
  readonly log: RowSum;
}

/** Audits hours and adds them up under one cut; of every hour something is answered. */
export async function auditedUsage(
  store: SettlementStore,
  cut: Cut,
  hours: readonly { readonly hour: Hour }[],
): Promise<ReadonlyMap<Hour, ReadHour>> {
  const cuts = new Map(hours.map(({ hour }) => [hour, cut]));
  const audits = await store.hourAudits(cuts);
  const logs = await store.logHashes(cuts);
  const isUnique = (hour: Hour) => {
    const audit = audits.get(hour);
    return audit === undefined || !failedChecks(audit, 0).includes("unique_ids");
  };
  const usages = new Map<Hour, readonly UsageRow[]>();
  for (const areIdsUnique of [true, false]) {
    const own = new Map([...cuts].filter(([hour]) => isUnique(hour) === areIdsUnique));
    if (own.size === 0) continue;
    for (const [hour, rows] of await store.hourUsages(own, areIdsUnique)) usages.set(hour, rows);
  }
  const read = hours.map(({ hour }) => {
    const audit = audits.get(hour) ?? EMPTY_AUDIT;
    return [hour, { audit, rows: usages.get(hour) ?? [], log: logs.get(hour) ?? NO_ROWS }] as const;
  });
  return new Map(read);
}
