// What a tenant has agreed to, on the real engine: who has charges is a tenant, and documents guard one another.

import { afterAll, beforeAll, expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { contractOf } from "../../services/billing/contracts/contracts.ts";
import { bookWithPlan } from "../support/builders/price-books.ts";
import { type TestApi, testApi } from "../support/flows/pricing-api.ts";
import { pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { post } from "../support/flows/tenant-api.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await freshDatabase({ priceBooks: [bookWithPlan({})] });
  const clickhouse = database.open("pricing");
  const events = ["a", "b"].map((id) => ({ id, hour: TEN }));
  await appendBatch(database.open("processor"), batch(0, 0, events));
  const store = new ClickHouseSettlementStore(database.open("settlement"), database.name);
  await pass(settlementOver(store));
  api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database.name, "pricing", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, "pricing", systemClock),
    ...ledgerOver(clickhouse, database.name),
  });
});
afterAll(() => database.drop());

it("a tenant with charges is on demand until it is registered and subscribes", async () => {
  expect(await contractOf(api.pricing, "tenant-02")).toBeNull();
  expect(await contractOf(api.pricing, "tenant-01")).toMatchObject({ currency: "USD", subscriptions: [] });
  const named = { tenant_id: "tenant-01", name: 'The "first", ü€', currency: "USD" };
  expect((await post(api, "/v1/tenants", named)).status).toBe(201);
  await post(api, "/v1/tenants", { ...named, tenant_id: "tenant-00" });
  const subscription = { plan: "plan", from: "2026-11-01T00:00Z", to: null };
  const both = await Promise.all(
    ["a", "b"].map(() => post(api, "/v1/tenants/tenant-01/subscriptions", subscription)),
  );
  expect(both.map(({ status }) => status).toSorted()).toEqual([201, 409]);
  expect(await contractOf(api.pricing, "tenant-01")).toMatchObject({
    currency: "USD",
    books: [{ plans: [{ name: "plan" }] }],
    subscriptions: [{ plan: "plan", tenant_id: "tenant-01" }],
  });
  const { body } = await api.ask("operator", { url: "/v1/tenants" });
  expect(body.items.map((it) => [it["tenant_id"], it["version"], it["name"]])).toEqual([
    ["tenant-00", 1, named.name],
    ["tenant-01", 2, named.name],
  ]);
});

it("a package on terms of its own keeps every digit", async () => {
  const terms = { name: "own", unit: "gpu_hour", quantity: "0.000000000001", price: "9".repeat(26) };
  const bought = await post(api, "/v1/tenants/tenant-01/packages", {
    terms: { ...terms, valid_hours: 1 },
    starts_at: "2026-12-01T00:00Z",
  });
  expect(bought.status).toBe(201);
  const contract = await contractOf(api.pricing, "tenant-01");
  expect(contract?.prepaid).toMatchObject([{ quantity: 1n, price: (10n ** 26n - 1n) * 10n ** 12n }]);
});

it.each([{ reason: "half a \ud83d" }, { tenant_id: "\udc00" }, { name: "\ud800" }])(
  "%j has no UTF-8 and is refused",
  async (parts) => {
    const tenant = { tenant_id: "hooli", name: "Hooli", currency: "USD", ...parts };
    expect((await post(api, "/v1/tenants", tenant)).body["code"]).toBe("API_REQUEST_INVALID");
  },
);
