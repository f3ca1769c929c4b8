// The index on the real engine: from committed charges to published points, and a late event to their next versions. By hand.
import { expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHouseHistory } from "../../services/adapters/clickhouse/history.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { computeIndexPoints } from "../../services/billing/index/index-points.ts";
import { bookDocument, bookWith, demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { databaseOfTest } from "../support/stack/stack.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

/** An hour at half the card's memory: composite 0.775 at half its power, 0.85 at all of it. */
const HALF = { gpu_time_ns: 3_600_000_000_000n, energy_uj: 1_260_000_000_000n };
const FULL = { gpu_time_ns: 3_600_000_000_000n, energy_uj: 2_520_000_000_000n };
/** All of the memory at half the power: 0.875. */
const ROOMY = { ...HALF, memory_peak_bytes: 85_899_345_920n };
/** From eleven o'clock on a GPU-hour costs 3.00, a fifth more. */
const DEARER = bookWith({
  name: "2026 H100, dearer",
  effective_from: "2026-11-23T11:00:00Z",
  gpus: (bookDocument()["gpus"] as object[]).map((gpu) => ({ ...gpu, rate_per_gpu_hour: "3.00" })),
});
const QUERY = "from=2026-11-23T00:00Z&to=2026-11-24T00:00Z&currency=USD&period=hour";

it("points follow the charges, tell nothing of few tenants, and change only with a reason", async () => {
  const database = await databaseOfTest({ priceBooks: [demoBook(), DEARER] });
  const clickhouse = database.open("pricing");
  const api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database.name, "pricing", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, "pricing", systemClock),
    history: new ClickHouseHistory(clickhouse),
    clock: new ManualClock(Date.parse("2026-11-25T12:00:00Z")),
  });
  const store = new ClickHouseSettlementStore(database.open("settlement"), database.name);
  // Hours are rated by the clock that documents are written by.
  const clock = new ManualClock(Math.max(systemClock.nowMs(), (ELEVEN + 7_200) * 1_000));
  const settlement = settlementOver(store, { clock });
  const log = database.open("processor");
  const tenants = ["a", "b", "c"];
  await appendBatch(
    log,
    batch(0, 0, [
      ...tenants.map((tenant_id) => ({ id: `${tenant_id}10`, hour: TEN, tenant_id, ...HALF })),
      ...tenants.map((tenant_id) => ({ id: `${tenant_id}11`, hour: ELEVEN, tenant_id, ...FULL })),
      { id: "n10", hour: TEN, tenant_id: "a", model: "narrow", ...HALF },
      { id: "n11", hour: ELEVEN, tenant_id: "a", model: "narrow", ...ROOMY },
      { id: "load", hour: ELEVEN, tenant_id: "a", phase: "load", ...FULL },
    ]),
  );
  await pass(settlement);
  // Two hours and one day, in both series.
  expect(await computeIndexPoints(api.pricing)).toEqual({ written: 6, is_outrun: false });
  expect(await computeIndexPoints(api.pricing)).toEqual({ written: 0, is_outrun: false });

  const shared = await api.ask("acme", { url: `/v1/index?${QUERY}` });
  expect(shared.body.items).toMatchObject([
    { level: "100.000000000000", rests_on: [{ hour: "2026-11-23T10:00:00Z", revision: 1, rating: 1 }] },
    {
      // 3.00 / 2.50, whatever the power; three hours at 0.85
      level: "120.000000000000",
      link: "1.200000000000",
      components: [{ quantity: "2.550000000000", value: "7.650000000000", price: "3.000000000000" }],
      version: 1,
    },
  ]);
  expect(JSON.stringify(shared.body)).not.toContain("narrow");
  const all = await api.ask("operator", { url: `/v1/index?${QUERY}` });
  expect(all.body.items[1]).toMatchObject({
    level: "120.000000000000",
    laspeyres: "1.200000000000",
    paasche: "1.200000000000",
    components: [
      { gpu_class: expect.stringContaining("narrow"), tenants_at_least: 1 },
      { tenants_at_least: 3 },
    ],
  });

  await appendBatch(log, batch(0, 9, [{ id: "late", hour: TEN, tenant_id: "a", ...FULL }]));
  await pass(settlement);
  // The hour and the day in both series; more was bought at the same price, so that the hour after stands.
  expect(await computeIndexPoints(api.pricing)).toEqual({ written: 4, is_outrun: false });
  const point = "/v1/index/2026-11-23T11:00:00Z?currency=USD&period=hour";
  const versions = await api.ask("acme", { url: point });
  expect(versions.body.items).toMatchObject([{ version: 1, level: "120.000000000000", reason: "computed" }]);
  const [first] = (await api.ask("acme", { url: `/v1/index?${QUERY}` })).body.items;
  expect(first).toMatchObject({
    version: 2,
    reason: "revised: 2026-11-23T10:00:00Z 1.1 to 2.1",
    rests_on: [{ revision: 2, rating: 1 }],
  });
});
