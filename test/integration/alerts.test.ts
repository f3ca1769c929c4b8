// Spending rises through a budget's thresholds, on the real engine: first as an estimate from the processors' own sums, then as
// charges; one alert each, whose webhook arrives at last although its receiver fails twice and the process starts anew in between.

import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { raiseAlerts } from "../../services/billing/budgets/alerts.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { type TestDeps, testApi } from "../support/flows/pricing-api.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { alertDeps, post, WEBHOOK_KEY } from "../support/flows/tenant-api.ts";
import { databaseOfTest } from "../support/stack/stack.ts";
import { startReceiver } from "../support/stack/webhook-receiver.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const HOUR_NS = 3_600_000_000_000n;
/** An H100 for an hour with half its memory and half its power. */
const event = (id: string, hour: number, changes: object = {}) => ({
  ...{ id, hour, gpu_time_ns: HOUR_NS, energy_uj: 1_260_000_000_000n },
  ...changes,
});

it("one alert each, delivered at last", async () => {
  const database = await databaseOfTest({ priceBooks: [demoBook()] });
  const clickhouse = database.open("pricing");
  const processor = database.open("processor");
  const store = new ClickHouseSettlementStore(database.open("settlement"), database.name);
  const clock = new ManualClock((ELEVEN + 1_800) * 1000);
  /** What a process that has just started works with. */
  const parts = (owner: string): Partial<TestDeps> => ({
    documents: new ClickHouseDocuments(clickhouse, database.name, owner, systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, owner, systemClock),
    ...ledgerOver(clickhouse, database.name),
  });
  const settlement = settlementOver(store);
  await pass(settlement);
  const api = await testApi({ ...parts("api"), clock });
  await post(api, "/v1/tenants", { tenant_id: "tenant-01", name: "One", currency: "USD" });
  const receiver = await startReceiver(500, 503, 200);
  const made = await post(api, "/v1/budgets", {
    tenant_id: "tenant-01",
    project_id: "project-1",
    name: "November",
    period: "month",
    amount: "4",
    thresholds_percent: [45, 90],
    webhook_url: receiver.url,
  });
  expect(made.status).toBe(201);
  const status = async () =>
    (await api.ask("operator", { url: `/v1/budgets/${made.body["budget_id"]}/status?max_age_s=0` })).body;
  let runs = 0;
  const raise = () => raiseAlerts(alertDeps({ ...api.pricing, ...parts(`run-${++runs}`) }));

  await appendBatch(
    processor,
    batch(
      0,
      0,
      [
        event("a", TEN),
        event("b", TEN, { phase: "load" }),
        event("c", TEN, { project_id: "project-2" }),
        event("d", TEN, { tenant_id: "tenant-02" }),
        event("e", TEN, { outcome: "error" }),
      ],
      { duplicates: 2 },
    ),
  );
  const first = await status();
  expect(first).toMatchObject({
    rated: "0.000000000000",
    estimated: "1.937500000000",
    estimated_hours: 1,
    left: "2.062500000000",
    is_exhausted: false,
    counted_until: "2026-11-23T12:00:00.000Z",
  });
  expect(await raise()).toEqual({ raised: 1, delivered: 0, failed: 1, waiting: 1, given_up: 0 });

  await pass(settlement);
  expect(await status()).toMatchObject({
    rated: first["estimated"],
    estimated: "0.000000000000",
    estimated_hours: 0,
    spent: first["spent"],
  });
  await clock.advance(60_000);
  expect(await raise()).toEqual({ raised: 0, delivered: 0, failed: 1, waiting: 1, given_up: 0 });

  await appendBatch(processor, batch(0, 7, [event("f", ELEVEN)]));
  expect(await status()).toMatchObject({ rated: "1.937500000000", estimated: "1.937500000000" });
  await clock.advance(60_000);
  expect(await raise()).toEqual({ raised: 1, delivered: 2, failed: 0, waiting: 0, given_up: 0 });
  await clock.advance(3_600_000);
  expect(await raise()).toEqual({ raised: 0, delivered: 0, failed: 0, waiting: 0, given_up: 0 });

  const alerts = (await api.ask("operator", { url: "/v1/alerts" })).body.items;
  expect(alerts.map((it) => [it["threshold_percent"], it["spent"], it["delivery"]]).toSorted()).toEqual([
    [45, "1.937500000000", expect.objectContaining({ state: "delivered", attempts: 3, said: "status 200" })],
    [90, "3.875000000000", expect.objectContaining({ state: "delivered", attempts: 1 })],
  ]);
  expect(receiver.received).toHaveLength(4);
  for (const { headers, body } of receiver.received) {
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
    const signature = createHmac("sha256", WEBHOOK_KEY).update(signed).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
    expect(JSON.parse(body).data.alert_id).toBe(headers["webhook-id"]);
  }
  const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
  expect(ids.toSorted()).toEqual(
    alerts.flatMap((it) => (it["threshold_percent"] === 45 ? Array(3) : [0]).fill(it["alert_id"])).toSorted(),
  );
});
