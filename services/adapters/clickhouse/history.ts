import type { Audience } from "../../domain/access/audience.ts";
import type { UsageRow } from "../../domain/closing/usage.ts";
import type { HourSales } from "../../domain/insight/index-sales.ts";
import type { SessionPart } from "../../domain/insight/measured-sessions.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type {
  History,
  MeasuredHour,
  ModelOnGpu,
  SessionFilter,
  StoredUsage,
  UsageSize,
} from "../../domain/ports/history.ts";
import type { Hour, HourRange } from "../../domain/time/hour.ts";
import { audienceParams } from "./audience.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { toUsage, type UsageRecord } from "./settlement-rows.ts";

const SETTINGS = { max_execution_time: 30 } as const;

type Texts<Row> = { readonly [name in keyof Row]: string };

export class ClickHouseHistory implements History {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  async measuredHours(
    served: ModelOnGpu,
    { audience, project_id }: SessionFilter,
    range: HourRange,
    limits: { read_max: number; limit: number },
  ): Promise<MeasuredHour[]> {
    const place = { ...audienceParams(audience), ...projectParams(project_id) };
    const params = { ...served, ...place, ...range, ...limits };
    const rows = await this.#ask<Texts<MeasuredHour>>("history_measured_hours", params);
    return rows.map(({ tenant_id, hour, measured, read }) => ({
      tenant_id,
      hour: Number(hour),
      measured: Number(measured),
      read: Number(read),
    }));
  }

  async sessions(
    served: ModelOnGpu,
    project_id: string | null,
    hours: readonly MeasuredHour[],
    keep: ReadonlyMap<string, bigint>,
    limit: number,
  ): Promise<SessionPart[]> {
    if (hours.length === 0) return [];
    const places = { tenants: hours.map((it) => it.tenant_id), hours: hours.map(({ hour }) => hour) };
    const params = { ...served, ...projectParams(project_id), ...places, keep: new Map(keep), limit };
    const rows = await this.#ask<UsageRecord & Texts<Omit<SessionPart, keyof UsageRow>>>(
      "history_sessions",
      params,
    );
    return rows.map((row) => ({
      ...toUsage(row),
      session_id: row.session_id,
      rank: Number(row.rank),
      ranks: Number(row.ranks),
      first_sequence: Number(row.first_sequence),
      last_sequence: Number(row.last_sequence),
      began_at: Number(row.began_at),
      ended_at: Number(row.ended_at),
    }));
  }

  async usageSizes(range: HourRange, audience: Audience, after: string, limit: number): Promise<UsageSize[]> {
    const params = { ...range, ...audienceParams(audience), after, limit };
    const found = await this.#ask<{ tenant_id: string; rows: string }>("history_usage_sizes", params);
    return found.map((it) => ({ tenant_id: it.tenant_id, rows: Number(it.rows) }));
  }

  async usage(range: HourRange, tenants: readonly string[]): Promise<StoredUsage[]> {
    const rows = await this.#ask<UsageRecord & { hour: number; revision: number }>("history_usage", {
      ...range,
      tenants,
    });
    return rows.map((row) => ({ hour: row.hour, revision: row.revision, row: toUsage(row) }));
  }

  async firstRatedSince(currency: string, since: number): Promise<Hour | null> {
    const [row] = await this.#ask<{ hour: number }>("history_first_rated", { currency, since });
    return row?.hour ?? null;
  }

  async sales(currency: string, range: HourRange): Promise<HourSales[]> {
    const rows = await this.#ask<
      Omit<HourSales, "unit_time_ns" | "value"> & { unit_time_ns: string; value: string }
    >("history_sales", { currency, ...range });
    return rows.map(({ unit_time_ns, value, ...row }) => ({
      ...row,
      unit_time_ns: parseStoredDecimal(unit_time_ns),
      value: parseStoredDecimal(value),
    }));
  }

  #ask<Row>(name: string, params: Params): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params, { settings: SETTINGS });
  }
}

function projectParams(project_id: string | null) {
  return { all_projects: project_id === null, project_id: project_id ?? "" };
}
