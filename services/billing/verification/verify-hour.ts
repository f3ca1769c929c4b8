import { ALL, type Audience, includes, oneTenant } from "../../domain/access/audience.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import {
  type HourVerification,
  keyDifferences,
  NO_FINDINGS,
  suspectTenants,
  type TenantHourCheck,
  verifyClose,
  verifyRevision,
} from "../../domain/closing/verification.ts";
import type { ClosedHours } from "../../domain/ports/closed-hours.ts";
import type { Hour } from "../../domain/time/hour.ts";

type Store = Omit<ClosedHours, "logFloor">;

interface Verifier {
  readonly store: Store;
  /** SHA-256 in hexadecimal. */
  readonly hash: (text: string) => string;
}

/** How far down a tenant's hour is checked: its rows, its events, or also which events are not what was counted. */
export type HourDepth = "rows" | "events" | "findings";

/** Checks closed hours against the log that they were added up from. Writes nothing. */
export interface HourVerifier {
  /** Of hours up to this one, rows may have been exported and dropped; 0 if nothing was. */
  logFloor(): Promise<Hour>;
  verify(hour: Hour, revision: number, audience: Audience): Promise<HourVerification | null>;
  verifyTenantHour(request: TenantHour, depth: HourDepth): Promise<TenantHourCheck | null>;
}

export function createHourVerifier(store: ClosedHours, hash: (text: string) => string): HourVerifier {
  return {
    logFloor: () => store.logFloor(),
    verify: (hour, revision, audience) => verifyHour({ store, hash }, hour, revision, audience),
    verifyTenantHour: (request, depth) => verifyTenantHour({ store, hash }, request, depth),
  };
}

/**
 * Adds a revision of an hour (the newest one with 0) up again from its events, compares the hashes, and where they differ
 * names the events that are not what was counted. With a tenant, only what is that tenant's is named. Writes nothing; null
 * if there is no such revision.
 */
export async function verifyHour(
  { store, hash }: Verifier,
  hour: Hour,
  revision: number,
  audience: Audience = ALL,
): Promise<HourVerification | null> {
  const close = await store.hourClose(hour, revision);
  if (close === null) return null;
  const audit = await store.hourAudit(hour, close.cut);
  const from_events = await store.hourUsage(hour, close.cut, areIdsUnique(close));
  const from_rows = await store.usageOf(close);
  const verified = verifyRevision(close, { audit, from_events, from_rows }, hash);
  const keys = verified.keys.filter((key) => includes(audience, key.tenant_id));
  const isOwnSound = audience.kind === "tenant" && keys.length === 0;
  const findings =
    verified.events_match || isOwnSound
      ? NO_FINDINGS
      : await store.eventFindings(close, keys.length === 0 ? "all" : suspectTenants(keys));
  return { ...verified, keys, ...findings };
}

export interface TenantHour {
  readonly hour: Hour;
  readonly revision: number;
  readonly tenant_id: string;
}

/**
 * The same for what is one tenant's: its events against its rows, and the rows of everybody against the hour's hash. Others'
 * events are not looked at, unless the rows do not have the hash, so that only all events could. With `depth` rows, no events
 * are; findings looks for those that are not what was counted.
 */
export async function verifyTenantHour(
  verifier: Verifier,
  { hour, revision, tenant_id }: TenantHour,
  depth: HourDepth,
): Promise<TenantHourCheck | null> {
  const { store, hash } = verifier;
  const close = await store.hourClose(hour, revision);
  if (close === null) return null;
  const rows = await store.usageOf(close);
  const tenantRows = rows.filter((row) => row.tenant_id === tenant_id);
  const { rows_match, chain_matches } = verifyClose(close, rows, hash);
  if (depth === "rows") {
    const checked = { rows_match, chain_matches, keys: [], ...NO_FINDINGS };
    return { usage: tenantRows, is_sound: rows_match && chain_matches, ...checked };
  }
  const usage = await store.hourUsage(hour, close.cut, areIdsUnique(close), oneTenant(tenant_id));
  const keys = keyDifferences(tenantRows, usage);
  const isVouched =
    rows_match || ((await verifyHour(verifier, hour, revision, oneTenant(tenant_id)))?.events_match ?? false);
  const is_sound = chain_matches && isVouched && keys.length === 0;
  const findings =
    keys.length > 0 && depth === "findings" ? await store.eventFindings(close, [tenant_id]) : NO_FINDINGS;
  return { usage, is_sound, rows_match, chain_matches, keys, ...findings };
}

function areIdsUnique({ failed_checks }: HourClose): boolean {
  return !failed_checks.includes("unique_ids");
}
