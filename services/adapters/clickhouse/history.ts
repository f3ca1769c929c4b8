// What closed hours say of many tenants at once: measured sessions for quotes, usage for what-if, sales for the index.

import type { UsageRow } from "../../domain/closing/usage.ts";
import type { HourSales } from "../../domain/insight/index-sales.ts";
import type { SessionPart } from "../../domain/insight/measured-sessions.ts";
import { type Decimal, parseDecimal } from "../../domain/money/decimal.ts";
import type { Range } from "../../domain/ports/pricing.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { toUsage, type UsageRecord } from "./settlement-rows.ts";

/** A model on a card; a part of a card if `mig_profile` is not empty. */
export interface Served {
  readonly model: string;
  readonly gpu_model: string;
  readonly mig_profile: string;
}

/** Whose sessions: empty texts for everybody's and for all projects. */
export interface Whose {
  readonly tenant_id: string;
  readonly project_id: string;
}

/** A closed hour of a tenant: its events of what is asked about, and all of them, which a look at its sessions reads. */
export interface MeasuredHour {
  readonly tenant_id: string;
  readonly hour: Hour;
  readonly measured: number;
  readonly read: number;
}

/** Usage of a tenant in an hour that it pays. */
export interface StoredUsage {
  readonly hour: Hour;
  readonly revision: number;
  readonly row: UsageRow;
}

export interface History {
  /** Newest first; hours in which the tenant has more than `read_max` events are left out. */
  measuredHours(
    served: Served,
    whose: Whose,
    range: Range,
    most: { readonly read_max: number; readonly limit: number },
  ): Promise<readonly MeasuredHour[]>;
  /** Of each tenant a share of its sessions in these hours: 2^64 - 1 keeps all, half of it a half. */
  sessions(
    served: Served,
    project_id: string,
    hours: readonly MeasuredHour[],
    keep: ReadonlyMap<string, bigint>,
    limit: number,
  ): Promise<readonly SessionPart[]>;
  /** Tenants in the order of their ids, the named one or all after a place, and how many rows of usage they have. */
  usageSizes(
    range: Range,
    tenant_id: string,
    after: string,
    limit: number,
  ): Promise<readonly { readonly tenant_id: string; readonly rows: number }[]>;
  usage(range: Range, tenants: readonly string[]): Promise<readonly StoredUsage[]>;
  /** What tenants bought, in the order of hours, from the newest ratings. */
  sales(currency: string, range: Range): Promise<readonly HourSales[]>;
  /** The earliest hour that was rated after a moment, milliseconds since 1970; null if none was. */
  firstRatedSince(currency: string, since: number): Promise<Hour | null>;
}

const SETTINGS = { max_execution_time: 30 } as const;

type Texts<Row> = { readonly [name in keyof Row]: string };

export class ClickHouseHistory implements History {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  async measuredHours(
    served: Served,
    whose: Whose,
    range: Range,
    most: { read_max: number; limit: number },
  ): Promise<MeasuredHour[]> {
    const params = { ...served, ...whose, ...range, ...most };
    const rows = await this.#ask<Texts<MeasuredHour>>("history_measured_hours", params);
    return rows.map(({ tenant_id, hour, measured, read }) => ({
      tenant_id,
      hour: Number(hour),
      measured: Number(measured),
      read: Number(read),
    }));
  }

  async sessions(
    served: Served,
    project_id: string,
    hours: readonly MeasuredHour[],
    keep: ReadonlyMap<string, bigint>,
    limit: number,
  ): Promise<SessionPart[]> {
    if (hours.length === 0) return [];
    const places = { tenants: hours.map((it) => it.tenant_id), hours: hours.map(({ hour }) => hour) };
    const params = { ...served, project_id, ...places, keep: new Map(keep), limit };
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

  async usageSizes(
    range: Range,
    tenant_id: string,
    after: string,
    limit: number,
  ): Promise<{ tenant_id: string; rows: number }[]> {
    const params = { ...range, tenant_id, after, limit };
    const found = await this.#ask<{ tenant_id: string; rows: string }>("history_usage_sizes", params);
    return found.map((it) => ({ tenant_id: it.tenant_id, rows: Number(it.rows) }));
  }

  async usage(range: Range, tenants: readonly string[]): Promise<StoredUsage[]> {
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

  async sales(currency: string, range: Range): Promise<HourSales[]> {
    const rows = await this.#ask<
      Omit<HourSales, "quality_time_ns" | "value"> & { quality_time_ns: string; value: string }
    >("history_sales", { currency, ...range });
    return rows.map(({ quality_time_ns, value, ...row }) => ({
      ...row,
      quality_time_ns: decimal(quality_time_ns),
      value: decimal(value),
    }));
  }

  #ask<Row>(name: string, params: Params): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params, { settings: SETTINGS });
  }
}

function decimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok)
    throw new RangeError(`ClickHouse sent ${JSON.stringify(text)} where a decimal was expected`);
  return parsed.value;
}
