import type { StoredClose } from "../../domain/closing/chain.ts";
import { parseStoredDecimal } from "../../domain/money/stored-decimal.ts";
import type { ProofStore, StoredRatedCharge } from "../../domain/ports/proof-store.ts";
import type { HourRating } from "../../domain/rating/charges.ts";
import type { Hour } from "../../domain/time/hour.ts";
import { type ClickHouse, loadQuery } from "./client.ts";
import { type CloseRecord, toClose } from "./settlement-rows.ts";
import { ClickHouseSettlementStore } from "./settlement-store.ts";
import { type StoredChargeRecord, toCharge } from "./tenant-charges.ts";

type Numbers = "rated" | "unrated" | "charges_total" | "operator_total" | "rated_at" | "epoch";
type RatingRecord = Omit<HourRating, Numbers> & { readonly [name in Numbers]: string };
type ChargeRecord = StoredChargeRecord & { readonly attempt_id: string; readonly price_book: string };

/** What an audit reads in ClickHouse. It writes nothing. */
export class ClickHouseProofStore extends ClickHouseSettlementStore implements ProofStore {
  readonly #clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse, database: string) {
    super(clickhouse, database);
    this.#clickhouse = clickhouse;
  }

  async closes(): Promise<StoredClose[]> {
    const rows = await this.#clickhouse.query<CloseRecord & { balanced: boolean }>(
      loadQuery("settlement_closes"),
    );
    return rows.map((row) => ({ ...toClose(row), balanced: row.balanced }));
  }

  async ratingsOf(hours: readonly Hour[]): Promise<HourRating[]> {
    const rows = await this.#clickhouse.query<RatingRecord>(loadQuery("settlement_ratings"), { hours });
    return rows.map((row) => ({
      ...row,
      rated: BigInt(row.rated),
      unrated: BigInt(row.unrated),
      charges_total: parseStoredDecimal(row.charges_total),
      operator_total: parseStoredDecimal(row.operator_total),
      rated_at: Number(row.rated_at),
      epoch: BigInt(row.epoch),
    }));
  }

  async chargesOf(ratings: readonly HourRating[]): Promise<Map<string, StoredRatedCharge[]>> {
    const rows = await this.#clickhouse.query<ChargeRecord>(loadQuery("settlement_charges_of"), {
      hours: ratings.map(({ hour }) => hour),
      attempts: ratings.map(({ attempt_id }) => attempt_id),
    });
    const attempts = Map.groupBy(rows, ({ attempt_id }) => attempt_id);
    return new Map(
      [...attempts].map(([attempt, own]) => [
        attempt,
        own.map((row) => ({ ...toCharge(row), price_book: row.price_book })),
      ]),
    );
  }

  ratingsWithoutClose(): Promise<{ hour: Hour; revision: number }[]> {
    return this.#clickhouse.query(loadQuery("settlement_ratings_without_close"));
  }
}
