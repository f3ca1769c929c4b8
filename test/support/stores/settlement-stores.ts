// Settlement's stores that must give the same answers.
import { ClickHouseSettlementStore } from "../../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../../services/adapters/clock/clock.ts";
import { formatDecimal } from "../../../services/domain/money/decimal.ts";
import type { SettlementStore } from "../../../services/domain/ports/settlement-store.ts";
import { MemorySettlementStore } from "../doubles/memory-settlement-store.ts";
import { databaseOfTest } from "../stack/stack.ts";
import { appendBatch, type LoggedBatch } from "./logged-batches.ts";

interface Opened {
  readonly store: SettlementStore;
  append(...batches: LoggedBatch[]): Promise<void>;
  /** Sum of the current charges of all tenants. */
  total(): Promise<string>;
}

async function openMemory(): Promise<Opened> {
  const store = new MemorySettlementStore(systemClock);
  return {
    store,
    append: async (...batches) => {
      for (const one of batches) store.append(one);
    },
    total: async () => {
      const charges = store.charges().filter(({ payer }) => payer === "tenant");
      return formatDecimal(charges.reduce((sum, { charge }) => sum + charge, 0n));
    },
  };
}

async function openReal(): Promise<Opened> {
  const database = await databaseOfTest();
  const processor = database.open("processor");
  const reader = database.open("reader");
  return {
    store: new ClickHouseSettlementStore(database.open("settlement"), database.name),
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
