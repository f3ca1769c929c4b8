// Settlement's stores that must give the same answers.
import { ClickHousePriceBooks } from "../../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../../services/adapters/clock/clock.ts";
import { sha256 } from "../../../services/adapters/crypto/crypto.ts";
import { bookOf } from "../../../services/billing/books/books.ts";
import type { PriceBook } from "../../../services/domain/books/price-book.ts";
import { formatDecimal } from "../../../services/domain/money/decimal.ts";
import type { PriceBooks } from "../../../services/domain/ports/price-books.ts";
import type { SettlementStore } from "../../../services/domain/ports/settlement-store.ts";
import { demoBook } from "../builders/price-books.ts";
import { MemorySettlementStore } from "../doubles/memory-settlement-store.ts";
import { databaseOfTest } from "../stack/stack.ts";
import { appendBatch, type LoggedBatch } from "./logged-batches.ts";

interface Opened {
  readonly store: SettlementStore;
  /** Publishes a book as the pricing service does. */
  publish(book: PriceBook): ReturnType<PriceBooks["publish"]>;
  append(...batches: LoggedBatch[]): Promise<void>;
  /** Sum of the current charges of all tenants. */
  total(): Promise<string>;
}

const asNew = (book: PriceBook) => bookOf(book, "draft", { hash: sha256 });

async function openMemory(priceBooks = [demoBook()]): Promise<Opened> {
  const store = new MemorySettlementStore(systemClock, priceBooks);
  return {
    store,
    publish: (book) => store.publish(asNew(book)),
    append: async (...batches) => {
      for (const one of batches) store.append(one);
    },
    total: async () => {
      const charges = store.charges().filter(({ payer }) => payer === "tenant");
      return formatDecimal(charges.reduce((sum, { charge }) => sum + charge, 0n));
    },
  };
}

async function openReal(priceBooks = [demoBook()]): Promise<Opened> {
  const database = await databaseOfTest({ priceBooks });
  const processor = database.open("processor");
  const reader = database.open("reader");
  const pricing = database.open("pricing");
  const books = new ClickHousePriceBooks(pricing, database.name, "publisher", systemClock);
  return {
    store: new ClickHouseSettlementStore(database.open("settlement"), database.name),
    publish: (book) => books.publish(asNew(book)),
    append: async (...batches) => {
      for (const one of batches) await appendBatch(processor, one);
    },
    total: async () => {
      const [row] = await reader.query<{ total: string }>(
        "SELECT toString(sum(charge)) AS total FROM charges_current WHERE payer = 'tenant'",
      );
      const [whole, fraction = ""] = (row?.total ?? "0").split(".");
      return `${whole}.${fraction.padEnd(12, "0")}`;
    },
  };
}

/** The stores that must give the same answers, for `describe.each`. */
export const STORES = [
  ["in memory", openMemory],
  ["in ClickHouse", openReal],
] as const;
