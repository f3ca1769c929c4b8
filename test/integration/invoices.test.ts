// Invoices on the real engine: from events through settlement to an invoice, a late revision and its adjustment, a void, and
// numbers without gaps while two processes finalise at once.

import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { LeaderBusyError, StaleLeaderError } from "../../services/adapters/clickhouse/leader.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { ClickHouseTenantCharges } from "../../services/adapters/clickhouse/tenant-charges.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { parseHour } from "../../services/domain/time/hour.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { type TestApi, testApi } from "../support/flows/pricing-api.ts";
import { pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { databaseOfTest, type TestDatabase } from "../support/stack/stack.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const NOVEMBER = "2026-11-01T00:00:00Z";
const JANUARY_MS = (parseHour("2027-01-02T00:00:00Z") ?? 0) * 1000;

async function open(): Promise<TestDatabase> {
  const database = await databaseOfTest({ priceBooks: [demoBook()] });
  return database;
}

/** A pricing process of its own in January. */
async function processOf(database: TestDatabase, owner: string): Promise<TestApi> {
  const clickhouse = database.open("pricing");
  const api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database.name, owner, systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, owner, systemClock),
    ...ledgerOver(clickhouse, database.name),
    charges: new ClickHouseTenantCharges(clickhouse),
    isRetriable: (error) => error instanceof LeaderBusyError || error instanceof StaleLeaderError,
  });
  await api.clock.advance(JANUARY_MS - api.clock.nowMs());
  return api;
}

/** So many seconds of the worked example: half the memory, half the power. */
function usage(id: string, seconds: number, tenant_id = "acme") {
  const gpu_time_ns = BigInt(seconds) * 1_000_000_000n;
  return { id, hour: TEN, tenant_id, gpu_time_ns, energy_uj: BigInt(seconds) * 350_000_000n };
}

const settlementOf = (database: TestDatabase) =>
  settlementOver(new ClickHouseSettlementStore(database.open("settlement"), database.name));

/** As a client should: the same request again where the other process was writing for long. */
async function finalise(api: TestApi, tenant_id?: string, period_from = NOVEMBER) {
  const headers = { "idempotency-key": randomUUID() };
  const payload = { ...(tenant_id === undefined ? {} : { tenant_id }), period_from };
  for (;;) {
    const answer = await api.ask("operator", { method: "POST", url: "/v1/invoices", payload, headers });
    if (answer.status !== 503) return answer;
  }
}

const results = (body: Record<string, unknown>) =>
  body["results"] as { status: string; invoice: Record<string, unknown> }[];

it("an invoice, a late revision, its adjustment and a void", async () => {
  const database = await open();
  const processor = database.open("processor");
  const settlement = settlementOf(database);
  const api = await processOf(database, "pricing-1");
  await appendBatch(processor, batch(0, 0, [usage("a", 1000)]));
  expect((await finalise(api, "acme")).body).toMatchObject({ code: "INVOICE_HOURS_WAITING" });
  await pass(settlement);
  await appendBatch(processor, batch(0, 1, [usage("b", 2000), usage("c", 600)]));
  await pass(settlement);

  const [first] = results((await finalise(api, "acme")).body);
  expect(first).toMatchObject({ status: "finalised", invoice: { number: "1", amount: "1.937500000000" } });
  const invoice_id = String(first?.invoice["invoice_id"]);
  const got = await api.ask("acme", { url: `/v1/invoices/${invoice_id}` });
  expect(got.body["rests_on"]).toMatchObject([{ from: "2026-11-23T10:00:00Z", revision: 2 }]);
  expect(results((await finalise(api, "acme")).body)).toMatchObject([{ status: "nothing_new" }]);
  const [line] = got.body["lines"] as { line_id: string }[];
  const parts = await api.ask("acme", { url: `/v1/invoices/${invoice_id}/lines/${line?.line_id}/hours` });
  expect(parts.body.items).toMatchObject([
    { side: "is", revision: 2, amount: "1.937500000000", events: "3" },
  ]);
  const charge = await api.ask("acme", { url: `/v1/charges/${parts.body.items[0]?.["charge_id"]}/events` });
  expect(charge.body.items).toHaveLength(3);

  await appendBatch(processor, batch(0, 3, [], { voids: [{ id: "c", hour: TEN }] }));
  await pass(settlement);
  const [next] = results((await finalise(api, "acme", "2026-12-01T00:00:00Z")).body);
  expect(next).toMatchObject({ invoice: { number: "2", amount: "-0.322916666667", adjustments: 1 } });

  const url = `/v1/invoices/${invoice_id}/void`;
  const voided = await api.ask("operator", { method: "POST", url, payload: { reason: "wrong address" } });
  expect(voided.body).toMatchObject({ number: "1", invoice_number: "1", amount: "-1.937500000000" });
  const [again] = results((await finalise(api, "acme")).body);
  expect(again).toMatchObject({ invoice: { number: "3", amount: "1.937500000000" } });
  const listed = await api.ask("acme", { url: "/v1/invoices" });
  expect(listed.body.items.map(({ number, state }) => `${number} ${state}`)).toEqual([
    "3 finalised",
    "2 finalised",
    "1 voided",
  ]);
});

it("an hour that is not closed, or has a card without a price, holds back whom it concerns", async () => {
  const database = await open();
  const processor = database.open("processor");
  const settlement = settlementOf(database);
  const api = await processOf(database, "pricing-1");
  const unpriced = { ...usage("b", 60, "globex"), gpu_model: "NVIDIA H999" };
  await appendBatch(processor, batch(0, 0, [usage("a", 60), unpriced]));
  await pass(settlement);
  expect(results((await finalise(api, "acme")).body)).toMatchObject([{ status: "finalised" }]);
  const refused = await finalise(api, "globex");
  expect(refused.body).toMatchObject({
    code: "INVOICE_HOURS_WAITING",
    faults: [{ path: "2026-11-23T10:00:00Z", code: "unpriced" }],
  });
  await appendBatch(processor, batch(0, 2, [{ ...usage("c", 60), hour: TEN - 3600 }]));
  expect((await finalise(api, "acme")).body).toMatchObject({
    code: "INVOICE_HOURS_WAITING",
    faults: [{ path: "2026-11-23T09:00:00Z", code: "open" }],
  });
});

it("numbers have no gaps while two processes finalise the same tenants at once", async () => {
  const database = await open();
  const tenants = Array.from({ length: 8 }, (_, index) => `tenant-${index}`);
  const events = tenants.map((tenant, index) => usage(`e${index}`, 60 + index, tenant));
  await appendBatch(database.open("processor"), batch(0, 0, events));
  await pass(settlementOf(database));
  const [one, two] = await Promise.all([processOf(database, "one"), processOf(database, "two")]);
  const answers = await Promise.all(
    tenants.flatMap((tenant, index) => [
      finalise(index % 2 === 0 ? one : two, tenant),
      finalise(index % 2 === 0 ? two : one, tenant),
    ]),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const { items } = (await two.ask("operator", { url: "/v1/invoices" })).body;
  expect(items.map(({ number }) => number)).toEqual(["8", "7", "6", "5", "4", "3", "2", "1"]);
  expect(new Set(items.map(({ tenant_id }) => tenant_id)).size).toBe(tenants.length);

  // Everybody at once, with one of them late.
  await appendBatch(database.open("processor"), batch(0, events.length, [usage("late", 60, "tenant-3")]));
  await pass(settlementOf(database));
  const all = results((await finalise(one)).body);
  expect(all.map(({ status }) => status).filter((it) => it === "finalised")).toHaveLength(1);
  expect(all.find(({ status }) => status === "finalised")?.invoice).toMatchObject({ number: "9" });
});
