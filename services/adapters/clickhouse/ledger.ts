import type { Static } from "typebox";
import type {
  AccountingRow,
  ChargedEvent,
  HourRow,
  RejectedRow,
  SessionShape,
  UsageLines,
} from "../../api/schemas.ts";
import { type ClosedHours, verifyHour, verifyTenantHour } from "../../billing/verification/verify-hour.ts";
import { usageKey } from "../../domain/closing/usage.ts";
import type { HourVerification, TenantHourCheck } from "../../domain/closing/verification.ts";
import { HOUR_MS, idTimeMs } from "../../domain/event/id.ts";
import type {
  ChargeDetail,
  ChargeLine,
  Ledger,
  Range,
  SpendRecord,
  StoredEvent,
  VoidOrder,
} from "../../domain/ports/pricing.ts";
import { HOUR_MAX, HOUR_S, type Hour, parseHour } from "../../domain/time/hour.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";

/** Amounts with all of their 12 digits, and an end to what takes too long. */
const SETTINGS = { output_format_decimal_trailing_zeros: 1, max_execution_time: 30 } as const;
/** The longest event that is accepted. */
const EVENT_HOURS_MAX = 24;

/** The ledger in ClickHouse: one named query for each question. */
export class ClickHouseLedger implements Ledger {
  readonly #clickhouse: ClickHouse;
  readonly #store: ClosedHours;
  readonly #hash: (text: string) => string;

  constructor(clickhouse: ClickHouse, store: ClosedHours, hash: (text: string) => string) {
    this.#clickhouse = clickhouse;
    this.#store = store;
    this.#hash = hash;
  }

  charges(range: Range, billed_to: string, after: string, limit: number): Promise<ChargeLine[]> {
    return this.#ask("pricing_charges", { ...range, billed_to, after, limit });
  }

  async charge(charge_id: string): Promise<ChargeDetail | null> {
    const hour = hourOfCharge(charge_id);
    if (hour === null) return null;
    const [row] = await this.#ask<ChargeDetail>("pricing_charge", { charge_id, hour });
    return row ?? null;
  }

  async billedTenants(tenant_id: string, after: string, limit: number): Promise<string[]> {
    const params = { tenant_id, after, limit };
    const rows = await this.#ask<{ billed_to: string }>("pricing_billed_tenants", params);
    return rows.map(({ billed_to }) => billed_to);
  }

  sessions(charge: ChargeDetail, after: string, limit: number): Promise<Static<typeof SessionShape>[]> {
    return this.#ask("pricing_charge_sessions", { ...keyOf(charge), after, limit });
  }

  events(
    charge: ChargeDetail,
    session_id: string,
    after: string,
    limit: number,
  ): Promise<Static<typeof ChargedEvent>[]> {
    return this.#ask("pricing_charge_events", { ...keyOf(charge), session_id, after, limit });
  }

  usage(tenant_id: string, range: Range): Promise<Static<typeof UsageLines>> {
    return this.#ask("pricing_usage", { tenant_id, ...range });
  }

  spend(tenant_id: string, range: Range, since: Hour): Promise<SpendRecord[]> {
    return this.#ask("pricing_spend", { tenant_id, ...range, since });
  }

  async countedUntil(since: Hour): Promise<number | null> {
    const [row] = await this.#ask<{ counted_until: string }>("pricing_counted_until", { since });
    return Number(row?.counted_until ?? 0) || null;
  }

  accounting(
    range: Range,
    tenant_id: string,
    after: { hour: string; tenant_id: string },
    limit: number,
  ): Promise<Static<typeof AccountingRow>[]> {
    const place = { after_hour: after.hour, after_tenant: after.tenant_id };
    return this.#ask("pricing_accounting", { ...range, tenant_id, ...place, limit });
  }

  rejected(
    filter: { code: string; tenant_id: string },
    after: { partition: number; offset: string },
    limit: number,
  ): Promise<Static<typeof RejectedRow>[]> {
    const place = { after_partition: after.partition, after_offset: after.offset };
    return this.#ask("pricing_rejected", { ...filter, ...place, limit });
  }

  async event(event_id: string): Promise<StoredEvent | null> {
    const to = idHourStart(event_id);
    const from = Math.max(0, to - EVENT_HOURS_MAX * HOUR_S);
    const [row] = await this.#ask<StoredEvent>("pricing_event", { event_id, from, to });
    return row ?? null;
  }

  voidsOf(event_id: string): Promise<VoidOrder[]> {
    return this.#ask("pricing_event_voids", { event_id, hour: idHourStart(event_id) });
  }

  hours(
    range: Range,
    after: { hour: string; revision: number },
    limit: number,
  ): Promise<Static<typeof HourRow>[]> {
    const place = { after_hour: after.hour, after_revision: after.revision };
    return this.#ask("pricing_hours", { ...range, ...place, limit });
  }

  async logFloor(): Promise<Hour> {
    const [row] = await this.#ask<{ log_floor: Hour }>("settlement_log_floor", {});
    return row?.log_floor ?? 0;
  }

  verify(hour: Hour, revision: number, tenant_id: string): Promise<HourVerification | null> {
    return verifyHour({ store: this.#store, hash: this.#hash }, hour, revision, tenant_id);
  }

  verifyTenantHour(
    asked: { readonly hour: Hour; readonly revision: number; readonly tenant_id: string },
    depth: "rows" | "events" | "findings",
  ): Promise<TenantHourCheck | null> {
    return verifyTenantHour({ store: this.#store, hash: this.#hash }, asked, depth);
  }

  #ask<Row>(name: string, params: Params): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params, { settings: SETTINGS });
  }
}

/** The hour that a charge's id begins with. */
function hourOfCharge(charge_id: string): Hour | null {
  const [, year, month, day, hour] = /^(\d{4})(\d{2})(\d{2})(\d{2})-/.exec(charge_id) ?? [];
  return parseHour(`${year}-${month}-${day}T${hour}:00Z`);
}

/** What a charge was summed by, as parameters. */
function keyOf(charge: ChargeDetail) {
  return { ...usageKey(charge), hour: parseHour(charge.hour) ?? 0, revision: charge.revision };
}

/** The start of the hour that an event's id carries, no later than a DateTime column can hold. */
function idHourStart(event_id: string): Hour {
  const hour = Math.floor(idTimeMs(Uint8Array.from(Buffer.from(event_id, "hex")), 0) / HOUR_MS) * HOUR_S;
  return Math.min(hour, HOUR_MAX);
}
