import { isSupplement } from "../../domain/books/supplement.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import type { Lease } from "../../domain/ports/leases.ts";
import type {
  NewPriceBook,
  PriceBooks,
  PublishAnswer,
  StoredPriceBook,
} from "../../domain/ports/price-books.ts";
import type { ClickHouse } from "./client.ts";
import { isRefusedBy, Leader, whileLeading } from "./leader.ts";
import { ClickHouseSettlementStore } from "./settlement-store.ts";

const LEASE_MS = 10_000;
/** A pass of settlement may take a while; a request does not wait for its end. */
const WAIT_MS_MAX = 10_000;

/**
 * Published price books. Publishing takes settlement's own lease for a moment, so that no hour is rated by the books before
 * while a new one comes in.
 */
export class ClickHousePriceBooks implements PriceBooks {
  readonly #store: ClickHouseSettlementStore;
  readonly #leader: Leader;
  readonly #lead: Parameters<typeof whileLeading>[1];

  constructor(clickhouse: ClickHouse, database: string, owner: string, clock: Clock) {
    this.#store = new ClickHouseSettlementStore(clickhouse, database);
    this.#leader = new Leader(clickhouse, "settlement", database);
    this.#lead = { owner, clock, ttlMs: LEASE_MS, waitMsMax: WAIT_MS_MAX };
  }

  published(): Promise<StoredPriceBook[]> {
    return this.#store.priceBooks();
  }

  publish(book: NewPriceBook): Promise<PublishAnswer> {
    return whileLeading(this.#leader, this.#lead, (lease) => this.#publish(book, lease));
  }

  async #publish(book: NewPriceBook, lease: Lease): Promise<PublishAnswer> {
    // nobody else publishes or rates under this lease, so what is read here still holds at the insert
    if (book.supplements !== "" && !isSupplement(book, await this.published())) return "no_supplement";
    const token = `${book.hash}:${lease.epoch}`;
    try {
      await this.#leader.guarded("settlement_publish_book", { ...book, ...lease }, token);
      return "published";
    } catch (error) {
      if (isRefusedBy(error, "METERHOUSE_BOOK_OVERLAPS")) return "overlaps";
      if (isRefusedBy(error, "METERHOUSE_BOOK_TOO_LATE")) return "too_late";
      throw error;
    }
  }
}
