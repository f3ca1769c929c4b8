import type { Audience } from "../../domain/access/audience.ts";
import { usageKey, usageSums } from "../../domain/closing/usage.ts";
import { idHour } from "../../domain/event/id.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type {
  ChargeDetail,
  ChargedSession,
  ChargeLedger,
  ChargeSummary,
} from "../../domain/ports/charges.ts";
import type { HourRevisionRow, HourRevisions } from "../../domain/ports/closed-hours.ts";
import type {
  ChargedEvent,
  RecordCounts,
  RecordLedger,
  RejectedRecord,
  StoredEvent,
  VoidOrder,
} from "../../domain/ports/records.ts";
import type { SpendRecords, UsageLine, UsageTotals } from "../../domain/ports/usage-totals.ts";
import { HOUR_MAX, HOUR_S, type Hour, type HourRange, hourStart, parseHour } from "../../domain/time/hour.ts";
import { audienceParams } from "./audience.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";

/** Amounts with all of their 12 digits, and an end to what takes too long. */
const SETTINGS = { output_format_decimal_trailing_zeros: 1, max_execution_time: 30 } as const;
/** The longest event that is accepted. */
const EVENT_HOURS_MAX = 24;

/** What the log, the closed hours and their charges say: one named query per question. Nothing is written here. */
export class ClickHouseLedger implements ChargeLedger, RecordLedger, UsageTotals, HourRevisions {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  charges(range: HourRange, audience: Audience, after: string, limit: number): Promise<ChargeSummary[]> {
    return this.#ask("pricing_charges", { ...range, ...audienceParams(audience), after, limit });
  }

  async charge(charge_id: string): Promise<ChargeDetail | null> {
    const hour = hourOfCharge(charge_id);
    if (hour === null) return null;
    const [row] = await this.#ask<ChargeDetail>("pricing_charge", { charge_id, hour });
    return row ?? null;
  }

  async billedTenants(audience: Audience, after: string, limit: number): Promise<string[]> {
    const params = { ...audienceParams(audience), after, limit };
    const rows = await this.#ask<{ billed_to: string }>("pricing_billed_tenants", params);
    return rows.map(({ billed_to }) => billed_to);
  }

  sessions(charge: ChargeDetail, after: string, limit: number): Promise<ChargedSession[]> {
    return this.#ask("pricing_charge_sessions", { ...keyOf(charge), after, limit });
  }

  events(
    charge: ChargeDetail,
    session_id: string | null,
    after: string,
    limit: number,
  ): Promise<ChargedEvent[]> {
    const session = { all_sessions: session_id === null, session_id: session_id ?? "" };
    return this.#ask("pricing_charge_events", { ...keyOf(charge), ...session, after, limit });
  }

  usage(tenant_id: string, range: HourRange): Promise<UsageLine[]> {
    return this.#ask("pricing_usage", { tenant_id, ...range });
  }

  async spend(tenant_id: string, range: HourRange, since: Hour): Promise<SpendRecords> {
    const records = await this.#ask<SpendRecord>("pricing_spend", { tenant_id, ...range, since });
    const counted = records.find(({ part }) => part === "counted");
    return {
      rated: records
        .filter(({ part }) => part === "rated")
        .map(({ at, project_id, currency, amount }) => ({
          day: at,
          project_id,
          currency,
          amount: parseStoredDecimal(amount),
        })),
      waiting: records.filter(({ part }) => part === "waiting").map(toWindowUsage),
      counted_until: Number(counted?.counted_until ?? 0) || null,
    };
  }

  async countedUntil(since: Hour): Promise<number | null> {
    const [row] = await this.#ask<{ counted_until: string }>("pricing_counted_until", { since });
    return Number(row?.counted_until ?? 0) || null;
  }

  accounting(
    range: HourRange,
    audience: Audience,
    after: { hour: string; tenant_id: string },
    limit: number,
  ): Promise<RecordCounts[]> {
    const place = { after_hour: after.hour, after_tenant: after.tenant_id };
    return this.#ask("pricing_accounting", { ...range, ...audienceParams(audience), ...place, limit });
  }

  rejected(
    { code, audience }: { code: string | null; audience: Audience },
    after: { partition: number; offset: string },
    limit: number,
  ): Promise<RejectedRecord[]> {
    const filter = { any_code: code === null, code: code ?? "", ...audienceParams(audience) };
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
    range: HourRange,
    after: { hour: string; revision: number },
    limit: number,
  ): Promise<HourRevisionRow[]> {
    const place = { after_hour: after.hour, after_revision: after.revision };
    return this.#ask("pricing_hours", { ...range, ...place, limit });
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

/** A row of pricing_spend. rated: charges of the day that begins at `at`. waiting: windows of the hour. counted: how far records are counted. */
interface SpendRecord {
  readonly part: "rated" | "waiting" | "counted";
  readonly at: Hour;
  readonly project_id: string;
  readonly currency: string;
  readonly amount: string;
  readonly model: string;
  readonly gpu_model: string;
  readonly sharing: string;
  readonly phase: string;
  readonly outcome: string;
  /** Of what waits: whole numbers by the names of the sums. */
  readonly sums: Readonly<Record<string, string>>;
  /** Milliseconds since 1970 in `counted`, 0 in the others. */
  readonly counted_until: string;
}

function toWindowUsage(record: SpendRecord): SpendRecords["waiting"][number] {
  const { at: hour, sums, project_id, model, gpu_model, sharing, phase, outcome } = record;
  return {
    ...{ hour, project_id, model, gpu_model, sharing, phase, outcome },
    ...usageSums((name) => BigInt(sums[name] ?? 0)),
  };
}

/** The start of the hour that an event's id carries, no later than a DateTime column can hold. */
function idHourStart(event_id: string): Hour {
  return Math.min(hourStart(idHour(Buffer.from(event_id, "hex"), 0)), HOUR_MAX);
}
