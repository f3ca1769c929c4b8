// A quote on the real engine: sessions of closed hours become samples by the log's primary key, with what is voided, cut off,
// of other models, or in hours that are not closed left out. All figures by hand.
import { expect, it } from "vitest";
import { ClickHouseHistory } from "../../services/adapters/clickhouse/history.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { demoBook, H100 } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { databaseOfTest, type TestDatabase } from "../support/stack/stack.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

/** A minute of an H100 at half its memory and power: 1.9375 / 60. */
const MINUTE = "0.032291666667";

async function open(database: TestDatabase) {
  const clickhouse = database.open("pricing");
  return testApi({
    books: new ClickHousePriceBooks(clickhouse, database.name, "pricing", systemClock),
    history: new ClickHouseHistory(clickhouse),
    clock: new ManualClock((ELEVEN + 7_200) * 1_000),
  });
}

async function fresh() {
  const database = await databaseOfTest({ priceBooks: [demoBook()] });
  const append = (...logged: Parameters<typeof batch>) =>
    appendBatch(database.open("processor"), batch(...logged));
  const store = new ClickHouseSettlementStore(database.open("settlement"), database.name);
  return { database, append, close: () => pass(settlementOver(store)) };
}

/** Times within the hour: an event of a second that ended in the tenth minute. */
const at = (hour: number, session_id: string, more: object = {}) => ({
  id: session_id,
  session_id,
  world_size: 1,
  hour,
  started_at: `2026-11-23 ${hour === TEN ? 10 : 11}:09:59.000000`,
  ended_at: `2026-11-23 ${hour === TEN ? 10 : 11}:10:00.000000`,
  ...more,
});

it("takes whole sessions of closed hours, and nothing else", async () => {
  const { database, append, close } = await fresh();
  const own = Array.from({ length: 12 }, (_, index) =>
    at(TEN, `own-${index}`, {
      gpu_time_ns: 60_000_000_000n * BigInt(index + 1),
      energy_uj: 21_000_000_000n * BigInt(index + 1),
    }),
  );
  await append(
    0,
    0,
    [
      ...own,
      at(TEN, "another-model", { model: "other" }),
      at(TEN, "another-card", { gpu_model: "B200" }),
      at(TEN, "a-load", { phase: "load" }),
      at(TEN, "cut-off", { sequence: 1 }),
      at(TEN, "goes-on", { ended_at: "2026-11-23 10:59:30.000000" }),
      at(TEN, "voided"),
    ],
    { voids: [{ id: "voided", hour: TEN }] },
  );
  await close();
  await append(1, 0, [at(ELEVEN, "not-closed", { gpu_time_ns: 3_600_000_000_000n })]);
  const api = await open(database);
  const payload = { model: "synthetic-7b", gpu_model: H100, requests: "2", tenant_id: "tenant-01" };
  const ask = (changes: object = {}) =>
    api.ask("operator", { method: "POST", url: "/v1/quotes", payload: { ...payload, ...changes } });
  const { status, body } = await ask();
  expect([status, body]).toMatchObject([
    200,
    {
      kind: "quoted",
      samples: 12,
      // 1 to 12 minutes: the mean is 6.5, the sixth 6 and the eleventh 11, each twice.
      expected: "0.419791666667",
      p50: "0.387500000000",
      p90: "0.710416666666",
      history: { source: "tenant", from: "2026-11-23T10:00:00Z", to: "2026-11-23T11:00:00Z" },
    },
  ]);
  expect((await ask({ model: "other", tokens_out: 40 })).body).toMatchObject({
    samples: 1,
    is_p90_sound: false,
    // Twice a minute, scaled from 20 tokens to 40.
    p50: "0.129166666668",
  });
  expect((await ask({ model: "none" })).body).toMatchObject({ kind: "no_history", expected: null });
  expect((await ask({ tenant_id: "tenant-02" })).body["kind"]).toBe("no_history");
});

it("pools five others with the same number of sessions each, whoever is largest", async () => {
  const { database, append, close } = await fresh();
  const others = [1, 2, 3, 4, 5].flatMap((tenant) =>
    Array.from({ length: tenant === 1 ? 40 : 2 }, (_, index) =>
      at(TEN, `s-${tenant}-${index}`, {
        tenant_id: `other-${tenant}`,
        gpu_time_ns: tenant === 1 ? 600_000_000_000n : 60_000_000_000n,
        energy_uj: tenant === 1 ? 210_000_000_000n : 21_000_000_000n,
      }),
    ),
  );
  await append(0, 0, others);
  await close();
  const api = await open(database);
  const payload = { model: "synthetic-7b", gpu_model: H100, requests: "1" };
  const { body } = await api.ask("acme", { method: "POST", url: "/v1/quotes", payload });
  expect(body).toMatchObject({
    samples: 10,
    p50: "0.032000000000",
    // Eight of one minute and two of ten: the ninth.
    p90: "0.320000000000",
    expected: "0.090000000000",
    history: { source: "pool" },
  });
  const everybody = await api.ask("operator", { method: "POST", url: "/v1/quotes", payload });
  expect(everybody.body).toMatchObject({ samples: 48, history: { source: "everybody" } });
  expect(everybody.body["p50"]).not.toBe(MINUTE);
});
