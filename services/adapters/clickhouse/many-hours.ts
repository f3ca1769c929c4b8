import { ALL, type Audience } from "../../domain/access/audience.ts";
import type { HourAudit } from "../../domain/closing/audit.ts";
import { NO_ROWS, type RowSum } from "../../domain/closing/revision.ts";
import type { UsageRow } from "../../domain/closing/usage.ts";
import type { BetweenCuts, Cuts, Link, ManyHours } from "../../domain/ports/closed-hours.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { audienceParams } from "./audience.ts";
import { type ClickHouse, loadQuery, type Params } from "./client.ts";
import { type AuditRecord, cutParams, toAudit, toUsage, type UsageRecord } from "./settlement-rows.ts";

interface RowSumRecord {
  readonly sum: string;
  readonly rows: string;
}
const toRowSum = ({ sum, rows }: RowSumRecord): RowSum => ({ sum, rows: BigInt(rows) });

/** Reads many hours of the log in one query each. */
export class ClickHouseManyHours implements ManyHours {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  async hourAudits(cuts: Cuts): Promise<Map<Hour, HourAudit>> {
    const rows = await this.#ask<AuditRecord & { hour: Hour }>("settlement_hour_audit", hourParams(cuts));
    return new Map(rows.map((row) => [row.hour, toAudit(row)]));
  }

  async hourUsages(
    cuts: Cuts,
    areIdsUnique: boolean,
    audience: Audience = ALL,
  ): Promise<Map<Hour, UsageRow[]>> {
    const name = areIdsUnique ? "settlement_hour_usage" : "settlement_hour_usage_unique";
    const params = { ...hourParams(cuts), ...audienceParams(audience) };
    const rows = await this.#ask<UsageRecord & { hour_start: Hour }>(name, params);
    const hours = Map.groupBy(rows, ({ hour_start }) => hour_start);
    return new Map([...hours].map(([hour, own]) => [hour, own.map(toUsage)]));
  }

  async logHashes(cuts: Cuts): Promise<Map<Hour, RowSum>> {
    const rows = await this.#ask<RowSumRecord & { hour: Hour }>("settlement_log_hashes", hourParams(cuts));
    return new Map(rows.map((row) => [row.hour, toRowSum(row)]));
  }

  async logHashesBetween(links: readonly Link[]): Promise<BetweenCuts[]> {
    const rows = await this.#ask<RowSumRecord & { link: number; unbalanced: string }>(
      "settlement_log_hash_between",
      {
        links: links.map((_, index) => index),
        ...cutParams(
          links.map(({ from }, index) => [index, from]),
          "from",
        ),
        ...cutParams(links.map(({ cut }, index) => [index, cut])),
      },
    );
    const found = new Map(rows.map((row) => [row.link, row]));
    return links.map((_, index) => {
      const row = found.get(index);
      if (row === undefined) return { ...NO_ROWS, unbalanced: 0 };
      return { ...toRowSum(row), unbalanced: Number(row.unbalanced) };
    });
  }

  async usagesOf(
    closes: readonly { readonly hour: Hour; readonly attempt_id: string }[],
  ): Promise<Map<string, UsageRow[]>> {
    const rows = await this.#ask<UsageRecord & { attempt_id: string }>("settlement_usage_of_revision", {
      hours: closes.map(({ hour }) => hour),
      attempts: closes.map(({ attempt_id }) => attempt_id),
    });
    const attempts = Map.groupBy(rows, ({ attempt_id }) => attempt_id);
    return new Map([...attempts].map(([attempt, own]) => [attempt, own.map(toUsage)]));
  }

  #ask<Row>(name: string, params: Params): Promise<Row[]> {
    return this.#clickhouse.query<Row>(loadQuery(name), params);
  }
}

const hourParams = (cuts: Cuts): Params => ({ hours: [...cuts.keys()], ...cutParams(cuts) });
