import type { HourAudit } from "../../domain/ledger/audit.ts";
import type { Cut } from "../../domain/ledger/cut.ts";
import type { Hour } from "../../domain/ledger/hour.ts";
import type { HourClose } from "../../domain/ledger/revision.ts";
import type { UsageRow } from "../../domain/ledger/usage.ts";
import {
  type EventFindings,
  type HourVerification,
  NO_FINDINGS,
  suspectTenants,
  verifyRevision,
} from "../../domain/ledger/verification.ts";

/** What a closed hour is checked with. */
export interface ClosedHours {
  hourClose(hour: Hour, revision?: number): Promise<HourClose | null>;
  hourAudit(hour: Hour, cut: Cut): Promise<HourAudit>;
  hourUsage(hour: Hour, cut: Cut, areIdsUnique: boolean): Promise<readonly UsageRow[]>;
  usageOf(close: { hour: Hour; attempt_id: string }): Promise<readonly UsageRow[]>;
  eventFindings(close: HourClose, tenants: readonly string[]): Promise<EventFindings>;
}

/**
 * Adds a revision of an hour (the newest one with 0) up again from its events, compares the hashes, and where they differ
 * names the events that are not what was counted. With a tenant, only what is that tenant's is named. Writes nothing; null
 * if there is no such revision.
 */
export async function verifyHour(
  { store, hash }: { readonly store: ClosedHours; readonly hash: (text: string) => string },
  hour: Hour,
  revision: number,
  tenant_id = "",
): Promise<HourVerification | null> {
  const close = await store.hourClose(hour, revision);
  if (close === null) return null;
  const audit = await store.hourAudit(hour, close.cut);
  const from_events = await store.hourUsage(hour, close.cut, !close.failed_checks.includes("unique_ids"));
  const from_rows = await store.usageOf(close);
  const verified = verifyRevision(close, { audit, from_events, from_rows }, hash);
  const keys = verified.keys.filter((key) => tenant_id === "" || key.tenant_id === tenant_id);
  const isOwnSound = tenant_id !== "" && keys.length === 0;
  const findings =
    verified.events_match || isOwnSound
      ? NO_FINDINGS
      : await store.eventFindings(close, suspectTenants(keys));
  return { ...verified, keys, ...findings };
}
