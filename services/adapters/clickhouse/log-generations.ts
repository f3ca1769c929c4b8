import type { GenerationRow, LogGap } from "../../domain/log/generations.ts";
import type { LogGenerations } from "../../domain/ports/log-generations.ts";
import { type ClickHouse, loadQuery } from "./client.ts";

type GenerationRecord = Omit<GenerationRow, "begins"> & { readonly begins: Record<string, string> };
type GapRecord = Omit<LogGap, "from_offset" | "to_offset"> & {
  readonly from_offset: string;
  readonly to_offset: string;
};

export class ClickHouseLogGenerations implements LogGenerations {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  async generations(): Promise<GenerationRow[]> {
    const rows = await this.#clickhouse.query<GenerationRecord>(loadQuery("log_generations"));
    return rows.map((row) => ({
      ...row,
      begins: new Map(
        Object.entries(row.begins).map(([partition, offset]) => [Number(partition), Number(offset)]),
      ),
    }));
  }

  async begin(row: GenerationRow): Promise<void> {
    const begins = Object.fromEntries(row.begins);
    await this.#clickhouse.insertRows("log_generations", [{ ...row, begins }]);
  }

  async gaps(): Promise<LogGap[]> {
    const rows = await this.#clickhouse.query<GapRecord>(loadQuery("log_gaps"));
    return rows.map((row) => ({
      ...row,
      from_offset: Number(row.from_offset),
      to_offset: Number(row.to_offset),
    }));
  }

  async acceptGap(gap: LogGap): Promise<void> {
    await this.#clickhouse.insertRows("log_gaps", [gap]);
  }
}
