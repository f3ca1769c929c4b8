import type { Cut } from "../../domain/closing/cut.ts";
import type { IngestDay, LogStanding } from "../../domain/closing/retention.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type { ExportedDay, LogDays } from "../../domain/ports/log-days.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { parquet } from "./answers.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { isRefusedBy, type Leader } from "./leader.ts";
import { ClickHouseSettlementStore } from "./settlement-store.ts";

type DayRows = Pick<IngestDay, "day_rows" | "fingerprint">;

/** The ingest days of usage_log: what stands in their way out, their export, and their end. */
export class ClickHouseLogDays implements LogDays {
  readonly #clickhouse: ClickHouse;
  readonly #dropper: ClickHouse;
  readonly #leader: Leader;
  readonly #store: Pick<ClickHouseSettlementStore, "positions" | "openHours" | "dirtyHours">;

  /** @param dropper as the one user that may drop a partition */
  constructor(clickhouse: ClickHouse, dropper: ClickHouse, leader: Leader, database: string) {
    this.#clickhouse = clickhouse;
    this.#dropper = dropper;
    this.#leader = leader;
    this.#store = new ClickHouseSettlementStore(clickhouse, database);
  }

  /** Ingest days up to the one that holds this hour, oldest first. */
  async days(until: Hour): Promise<string[]> {
    const rows = await this.#ask<{ ingest_day: string }>("retention_days", { until });
    return rows.map(({ ingest_day }) => ingest_day);
  }

  async standing(): Promise<LogStanding> {
    const positions: Cut = await this.#store.positions();
    const [open, dirty] = await Promise.all([
      this.#store.openHours(positions),
      this.#store.dirtyHours(positions),
    ]);
    return { positions, unsettled_hours: [...open, ...dirty].map(({ hour }) => hour) };
  }

  async day(ingest_day: string): Promise<IngestDay> {
    type Found = Record<Exclude<keyof IngestDay, "ingest_day" | "through_hour">, string> & {
      through_hour: Hour;
    };
    const [row] = await this.#ask<Found>("retention_day", { ingest_day });
    if (row === undefined) throw new Error("the question for a day has no answer");
    return {
      ingest_day,
      through_hour: row.through_hour,
      day_rows: BigInt(row.day_rows),
      fingerprint: BigInt(row.fingerprint),
      uncovered_rows: BigInt(row.uncovered_rows),
      last_positions: BigInt(row.last_positions),
      unaudited_batches: BigInt(row.unaudited_batches),
    };
  }

  async dayRows(ingest_day: string): Promise<DayRows> {
    type Found = Record<keyof DayRows, string>;
    const [row] = await this.#ask<Found>("retention_day_rows", { ingest_day });
    return { day_rows: BigInt(row?.day_rows ?? 0), fingerprint: BigInt(row?.fingerprint ?? 0) };
  }

  /** The day as a Parquet file, with every column. */
  contents(ingest_day: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const options = { params: { ingest_day }, ...(signal === undefined ? {} : { signal }) };
    return this.#clickhouse.stream(loadQuery("retention_export_day"), parquet(), options);
  }

  /** From here on no hour up to `through_hour` is revised any more. Refused if the day is no longer what was exported. */
  async recordDrop(day: ExportedDay, through_hour: Hour, lease: Lease): Promise<"recorded" | "changed"> {
    try {
      await this.#leader.guarded(
        "retention_record_drop",
        { ...day, ...lease, through_hour },
        `${day.ingest_day}:${lease.epoch}`,
      );
      return "recorded";
    } catch (error) {
      if (isRefusedBy(error, "METERHOUSE_DAY_CHANGED")) return "changed";
      throw error;
    }
  }

  async drop(ingest_day: string): Promise<void> {
    await this.#dropper.command(loadQuery("retention_drop_day"), { params: { ingest_day } });
  }

  #ask<Row>(name: string, params: Params): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params);
  }
}
