// P10 over HTTP down to the server: what passes the description reaches ClickHouse as a value and never as a statement.

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHouseHistory } from "../../services/adapters/clickhouse/history.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { ClickHouseTenantCharges } from "../../services/adapters/clickhouse/tenant-charges.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { createLog } from "../../services/adapters/log/log.ts";
import { pricingDocument } from "../../services/api/app.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import { operationsOf, requestsOf } from "../support/builders/fuzz.ts";
import { bookDocument, demoBook } from "../support/builders/price-books.ts";
import { type TestApi, testApi } from "../support/flows/pricing-api.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const RUNS = 15;

let database: TestDatabase;
let api: TestApi;
/** Of the request at hand. */
let failures: unknown[] = [];
const known: Record<string, string[]> = {
  hour: [formatHour(TEN)],
  from: [formatHour(TEN)],
  to: [formatHour(ELEVEN)],
  tenant_id: ["tenant-01"],
};

beforeAll(async () => {
  database = await freshDatabase({ priceBooks: [demoBook()] });
  const clickhouse = database.open("pricing");
  const events = ["a", "b"].map((id) => ({ id, hour: TEN }));
  await appendBatch(database.open("processor"), batch(0, 0, events));
  await pass(settlementOver(new ClickHouseSettlementStore(database.open("settlement"), database.name)));
  const log = createLog({ level: "silent", name: "test" });
  api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database.name, "pricing", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, "pricing", systemClock),
    ...ledgerOver(clickhouse, database.name),
    history: new ClickHouseHistory(clickhouse),
    charges: new ClickHouseTenantCharges(clickhouse),
    log: { ...log, error: (fields) => void failures.push(fields) },
  });
  const charges = await api.ask("operator", {
    url: `/v1/charges?from=${formatHour(TEN)}&to=${formatHour(ELEVEN)}`,
  });
  known["charge_id"] = charges.body.items.map((it) => String(it["charge_id"]));
  const url = `/v1/charges/${known["charge_id"][0]}/events`;
  const listed = await api.ask("operator", { url });
  known["event_id"] = listed.body.items.map((it) => String(it["event_id"]));
  expect([known["charge_id"].length, known["event_id"].length]).toEqual([1, 2]);
});
afterAll(() => database.drop());

it.each(operationsOf(pricingDocument()))("%s %s", async (path, method, operation) => {
  const requests = requestsOf(path, method, operation, known, bookDocument());
  await fc.assert(
    fc.asyncProperty(requests, async ({ operation: _operation, ...request }) => {
      // An admin may do everything; a key that is gone is made up for by none.
      failures = [];
      const { status } = await api.ask("admin", request);
      expect(failures).toEqual([]);
      expect(status).toBeLessThan(500);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});
