import type { Audience } from "../../domain/access/audience.ts";
import type { GpuHourAccount } from "../../domain/closing/account.ts";
import { EMPTY_AUDIT, type HourAudit } from "../../domain/closing/audit.ts";
import type { Cut } from "../../domain/closing/cut.ts";
import type { HourClose, RowSum } from "../../domain/closing/revision.ts";
import type { Run } from "../../domain/closing/tiling.ts";
import type { UsageRow } from "../../domain/closing/usage.ts";
import type { EventFindings } from "../../domain/closing/verification.ts";
import type { BetweenCuts, Cuts, Link } from "../../domain/ports/closed-hours.ts";
import type { Lease, LeaseAnswer } from "../../domain/ports/leases.ts";
import type { StoredPriceBook } from "../../domain/ports/price-books.ts";
import type {
  ClosedUsage,
  DirtyHour,
  HourToRate,
  OpenHour,
  RatedUsage,
  SettlementStore,
} from "../../domain/ports/settlement-store.ts";
import type { HourRating } from "../../domain/rating/charges.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { findEvents } from "./event-findings.ts";
import { Leader, staleOr } from "./leader.ts";
import { ClickHouseManyHours } from "./many-hours.ts";
import {
  type CloseRecord,
  chargeRecord,
  closeRecord,
  type GpuHourRecord,
  ratingRecord,
  toClose,
  toCut,
  toGpuHour,
  usageRecord,
} from "./settlement-rows.ts";

const ROWS_PER_INSERT = 50_000;

/** Settlement's store in ClickHouse. `database` marks the statements that a later leader may have to end. */
export class ClickHouseSettlementStore implements SettlementStore {
  readonly #clickhouse: ClickHouse;
  readonly #leader: Leader;
  readonly #many: ClickHouseManyHours;

  constructor(clickhouse: ClickHouse, database: string) {
    this.#clickhouse = clickhouse;
    this.#leader = new Leader(clickhouse, "settlement", database);
    this.#many = new ClickHouseManyHours(clickhouse);
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

  async openHours(cut: Cut): Promise<OpenHour[]> {
    const rows = await this.#ask<{ hour: Hour; events: string }>("settlement_open_hours", {
      cut: new Map(cut),
    });
    return rows.map(({ hour, events }) => ({ hour, events: BigInt(events) }));
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
    return (await this.#many.hourAudits(new Map([[hour, cut]]))).get(hour) ?? EMPTY_AUDIT;
  }

  async hourUsage(hour: Hour, cut: Cut, areIdsUnique: boolean, audience?: Audience): Promise<UsageRow[]> {
    return (await this.#many.hourUsages(new Map([[hour, cut]]), areIdsUnique, audience)).get(hour) ?? [];
  }

  hourAudits(cuts: Cuts): Promise<ReadonlyMap<Hour, HourAudit>> {
    return this.#many.hourAudits(cuts);
  }

  hourUsages(cuts: Cuts, areIdsUnique: boolean): Promise<ReadonlyMap<Hour, UsageRow[]>> {
    return this.#many.hourUsages(cuts, areIdsUnique);
  }

  logHashes(cuts: Cuts): Promise<ReadonlyMap<Hour, RowSum>> {
    return this.#many.logHashes(cuts);
  }

  logHashesBetween(links: readonly Link[]): Promise<BetweenCuts[]> {
    return this.#many.logHashesBetween(links);
  }

  usagesOf(
    closes: readonly { readonly hour: Hour; readonly attempt_id: string }[],
  ): Promise<ReadonlyMap<string, UsageRow[]>> {
    return this.#many.usagesOf(closes);
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

  async usageOf(close: { hour: Hour; attempt_id: string }): Promise<UsageRow[]> {
    return (await this.#many.usagesOf([close])).get(close.attempt_id) ?? [];
  }

  eventFindings(close: HourClose, tenants: readonly string[] | "all"): Promise<EventFindings> {
    return findEvents(this.#clickhouse, close, tenants);
  }

  async writeUsage(closes: readonly ClosedUsage[]): Promise<void> {
    await this.#append(
      "usage_hourly",
      closes.flatMap(({ close, rows }) => rows.map((row) => usageRecord(close, row))),
    );
  }

  async commitCloses(closes: readonly HourClose[], lease: Lease): Promise<void> {
    const [first] = closes;
    if (first === undefined) return;
    await this.#commit("settlement_commit_close", closes.map(closeRecord), first.attempt_id, {
      ...lease,
      first_sequence: first.sequence,
      hours: closes.map(({ hour }) => hour),
      revisions: closes.map(({ revision }) => revision),
    });
  }

  async gpuHours(hours: readonly Hour[]): Promise<ReadonlyMap<Hour, readonly GpuHourAccount[]>> {
    const rows = await this.#ask<GpuHourRecord>("settlement_gpu_hours", { hours });
    const groups = Map.groupBy(rows, ({ hour }) => hour);
    return new Map([...groups].map(([hour, own]) => [hour, own.map(toGpuHour)]));
  }

  async priceBooks(): Promise<StoredPriceBook[]> {
    return this.#ask("settlement_price_books");
  }

  async hoursToRate(): Promise<HourToRate[]> {
    const rows = await this.#ask<Omit<HourToRate, "events"> & { events: string }>("settlement_hours_to_rate");
    return rows.map((row) => ({ ...row, events: BigInt(row.events) }));
  }

  async writeCharges(ratings: readonly RatedUsage[]): Promise<void> {
    await this.#append(
      "charges",
      ratings.flatMap(({ rating, charges }) => charges.map((charge) => chargeRecord(rating, charge))),
    );
  }

  async commitRatings(ratings: readonly HourRating[], lease: Lease): Promise<void> {
    const [first] = ratings;
    if (first === undefined) return;
    await this.#commit("settlement_commit_rating", ratings.map(ratingRecord), first.attempt_id, {
      ...lease,
      hours: ratings.map(({ hour }) => hour),
      revisions: ratings.map(({ revision }) => revision),
      ratings: ratings.map(({ rating }) => rating),
    });
  }

  #commit(name: string, rows: readonly object[], id: string, params: Params): Promise<void> {
    const body = new TextEncoder().encode(rows.map(jsonRow).join("\n"));
    const marked = { params, ...this.#leader.queryId(id) };
    return staleOr(() => this.#clickhouse.execInsert(loadQuery(name), body, marked));
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

/** Integers as texts, which the server reads as what they are. */
function jsonRow(row: object): string {
  return JSON.stringify(row, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
