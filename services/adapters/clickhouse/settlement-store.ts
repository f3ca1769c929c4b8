import { ALL, type Audience } from "../../domain/access/audience.ts";
import type { GpuHourAccount } from "../../domain/closing/account.ts";
import type { HourAudit } from "../../domain/closing/audit.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import type { HourClose } from "../../domain/closing/revision.ts";
import type { Run } from "../../domain/closing/tiling.ts";
import type { UsageRow } from "../../domain/closing/usage.ts";
import type { EventFindings } from "../../domain/closing/verification.ts";
import type { Lease, LeaseAnswer } from "../../domain/ports/leases.ts";
import type { StoredPriceBook } from "../../domain/ports/price-books.ts";
import type { DirtyHour, HourToRate, SettlementStore } from "../../domain/ports/settlement-store.ts";
import type { HourRating } from "../../domain/rating/charges.ts";
import type { Charge } from "../../domain/rating/rate.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { audienceParams } from "./audience.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { findEvents } from "./event-findings.ts";
import { Leader } from "./leader.ts";
import {
  type AuditRecord,
  type CloseRecord,
  chargeRecord,
  closeParams,
  type GpuHourRecord,
  ratingParams,
  toAudit,
  toClose,
  toCut,
  toGpuHour,
  toUsage,
  type UsageRecord,
  usageRecord,
} from "./settlement-rows.ts";

const ROWS_PER_INSERT = 50_000;

/** Settlement's store in ClickHouse. `database` marks the statements that a later leader may have to end. */
export class ClickHouseSettlementStore implements SettlementStore {
  readonly #clickhouse: ClickHouse;
  readonly #leader: Leader;

  constructor(clickhouse: ClickHouse, database: string) {
    this.#clickhouse = clickhouse;
    this.#leader = new Leader(clickhouse, "settlement", database);
  }

  takeLease(owner: string, ttlMs: number): Promise<LeaseAnswer> {
    return this.#leader.take(owner, ttlMs);
  }

  async renewLease(lease: Lease, ttlMs: number): Promise<void> {
    await this.#leader.renew(lease, ttlMs);
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.#leader.release(lease);
  }

  async positions(): Promise<Cut> {
    return toCut(await this.#ask("settlement_positions"));
  }

  async openHours(cut: Cut): Promise<Hour[]> {
    const rows = await this.#ask<{ hour: number }>("settlement_open_hours", { cut: new Map(cut) });
    return rows.map(({ hour }) => hour);
  }

  async dirtyHours(cut: Cut): Promise<DirtyHour[]> {
    const rows = await this.#ask<{
      hour: number;
      late_events: string;
      late_voids: string;
      closed_at: string;
    }>("settlement_dirty_hours", { cut: new Map(cut) });
    return rows.map(({ hour, late_events, late_voids, closed_at }) => ({
      hour,
      late_events: BigInt(late_events),
      late_voids: BigInt(late_voids),
      closed_at: Number(closed_at),
    }));
  }

  async batchRuns(from: Cut, to: Cut): Promise<Run[]> {
    const rows = await this.#ask<{ partition: number; first_offset: string; end_offset: string }>(
      "settlement_batch_runs",
      { from: new Map(from), to: new Map(to) },
    );
    return rows.map(({ partition, first_offset, end_offset }) => ({
      partition,
      first_offset: BigInt(first_offset),
      end_offset: BigInt(end_offset),
    }));
  }

  async hourAudit(hour: Hour, cut: Cut): Promise<HourAudit> {
    const [row] = await this.#ask<AuditRecord>("settlement_hour_audit", { hour, cut: new Map(cut) });
    if (row === undefined) throw new Error("the audit of an hour has no answer");
    return toAudit(row);
  }

  async hourUsage(
    hour: Hour,
    cut: Cut,
    areIdsUnique: boolean,
    audience: Audience = ALL,
  ): Promise<UsageRow[]> {
    const name = areIdsUnique ? "settlement_hour_usage" : "settlement_hour_usage_unique";
    const params = { hour, cut: new Map(cut), ...audienceParams(audience) };
    return (await this.#ask<UsageRecord>(name, params)).map(toUsage);
  }

  /** Of hours up to this one, rows may have been exported and dropped; 0 if nothing was. */
  async logFloor(): Promise<Hour> {
    const [row] = await this.#ask<{ log_floor: Hour }>("settlement_log_floor");
    return row?.log_floor ?? 0;
  }

  async latestClose(): Promise<HourClose | null> {
    const [row] = await this.#ask<CloseRecord>("settlement_latest_close");
    return row === undefined ? null : toClose(row);
  }

  async hourClose(hour: Hour, revision = 0): Promise<HourClose | null> {
    const [row] = await this.#ask<CloseRecord>("settlement_hour_revision", { hour, revision });
    return row === undefined ? null : toClose(row);
  }

  async usageOf({ hour, attempt_id }: { hour: Hour; attempt_id: string }): Promise<UsageRow[]> {
    return (await this.#ask<UsageRecord>("settlement_usage_of_revision", { hour, attempt_id })).map(toUsage);
  }

  eventFindings(close: HourClose, tenants: readonly string[] | "all"): Promise<EventFindings> {
    return findEvents(this.#clickhouse, close, tenants);
  }

  async writeUsage(close: HourClose, rows: readonly UsageRow[]): Promise<void> {
    await this.#append(
      "usage_hourly",
      rows.map((row) => usageRecord(close, row)),
    );
  }

  async commitClose(close: HourClose, lease: Lease): Promise<void> {
    await this.#leader.guarded(
      "settlement_commit_close",
      { ...closeParams(close), ...lease },
      close.attempt_id,
    );
  }

  async gpuHours(hour: Hour): Promise<GpuHourAccount[]> {
    return (await this.#ask<GpuHourRecord>("settlement_gpu_hours", { hour })).map(toGpuHour);
  }

  async priceBooks(): Promise<StoredPriceBook[]> {
    return this.#ask("settlement_price_books");
  }

  async hoursToRate(): Promise<HourToRate[]> {
    return this.#ask("settlement_hours_to_rate");
  }

  async writeCharges(rating: HourRating, charges: readonly Charge[]): Promise<void> {
    await this.#append(
      "charges",
      charges.map((charge) => chargeRecord(rating, charge)),
    );
  }

  async commitRating(rating: HourRating, lease: Lease): Promise<void> {
    await this.#leader.guarded(
      "settlement_commit_rating",
      { ...ratingParams(rating), ...lease },
      rating.attempt_id,
    );
  }

  #ask<Row>(name: string, params: Params = {}): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params);
  }

  async #append(table: string, rows: readonly object[]): Promise<void> {
    for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
      await this.#clickhouse.insertRows(table, rows.slice(start, start + ROWS_PER_INSERT));
    }
  }
}
