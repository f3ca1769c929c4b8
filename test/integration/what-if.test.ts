// What another book would have made of closed hours, on the real engine, from the current revision of each. Figures by hand.
import { expect, it } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHouseHistory } from "../../services/adapters/clickhouse/history.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { bookDocument, demoBook } from "../support/builders/price-books.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { databaseOfTest } from "../support/stack/stack.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

const HOUR = { gpu_time_ns: 3_600_000_000_000n, energy_uj: 1_260_000_000_000n };
const RANGE = { from: "2026-11-23T10:00Z", to: "2026-11-23T12:00Z" };

async function open() {
  const database = await databaseOfTest({ priceBooks: [demoBook()] });
  const clickhouse = database.open("pricing");
  const api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database.name, "pricing", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, "pricing", systemClock),
    ...ledgerOver(clickhouse, database.name),
    history: new ClickHouseHistory(clickhouse),
  });
  const settlement = new ClickHouseSettlementStore(database.open("settlement"), database.name);
  return {
    api,
    append: (...logged: Parameters<typeof batch>) =>
      appendBatch(database.open("processor"), batch(...logged)),
    close: () => pass(settlementOver(settlement)),
  };
}

it("a draft is simulated over the hours there are, late events and voids included, and nothing is kept", async () => {
  const { api, append, close } = await open();
  await append(0, 0, [
    { id: "a", hour: TEN, tenant_id: "acme", ...HOUR },
    { id: "b", hour: ELEVEN, tenant_id: "acme", project_id: "project-2", ...HOUR },
    { id: "c", hour: ELEVEN, tenant_id: "globex", ...HOUR },
    { id: "d", hour: ELEVEN, tenant_id: "globex", ...HOUR, phase: "load" },
    { id: "e", hour: ELEVEN, tenant_id: "globex", ...HOUR },
  ]);
  await close();
  await append(0, 5, [{ id: "late", hour: TEN, tenant_id: "acme", ...HOUR }], {
    voids: [{ id: "e", hour: ELEVEN }],
  });
  await close();

  const [card] = bookDocument()["gpus"] as [Record<string, unknown>];
  // 4 instead of 2.50, by time alone: an hour is 4 instead of 1.9375.
  const weights = { time: "1", memory: "0", power: "0", nvlink: "0", fluctuation: "0" };
  const payload = {
    ...bookDocument(),
    name: "by time",
    effective_from: "2099-01-01T00:00:00Z",
    gpus: [{ ...card, rate_per_gpu_hour: "4", weights }],
  };
  const draft = await api.ask("operator", { method: "POST", url: "/v1/price-books", payload });
  const url = `/v1/price-books/${draft.body["price_book"]}/simulate`;
  const all = await api.ask("operator", { method: "POST", url, payload: RANGE });
  expect([all.status, all.body]).toMatchObject([
    200,
    {
      items: [
        {
          tenant_id: "acme",
          total: { before: "5.812500000000", after: "12.000000000000", difference: "6.187500000000" },
          lines: [
            { project_id: "project-1", before: "3.875000000000", after: "8.000000000000" },
            { project_id: "project-2", before: "1.937500000000", after: "4.000000000000" },
          ],
        },
        { tenant_id: "globex", total: { before: "1.937500000000", after: "4.000000000000" } },
      ],
      page_total: { before: "7.750000000000", after: "16.000000000000", difference: "8.250000000000" },
    },
  ]);
  const charges = await api.ask("operator", {
    url: `/v1/charges?from=${RANGE.from}&to=${RANGE.to}&tenant_id=acme`,
  });
  const charged = charges.body.items.map(({ charge }) => charge);
  expect(charged).toEqual(["3.875000000000", "1.937500000000"]);

  const own = { ...RANGE, price_book: draft.body["price_book"] };
  const hidden = await api.ask("acme", { method: "POST", url: "/v1/what-if", payload: own });
  expect(hidden.body["code"]).toBe("API_NOT_FOUND");
  await api.ask("operator", { method: "POST", url: `/v1/price-books/${draft.body["price_book"]}/publish` });
  const seen = await api.ask("acme", { method: "POST", url: "/v1/what-if", payload: own });
  expect(seen.body.items).toMatchObject([{ tenant_id: "acme", total: { difference: "6.187500000000" } }]);
  expect(JSON.stringify(seen.body)).not.toContain("globex");
  const hour = { ...own, to: "2026-11-23T11:00Z", tenant_id: "globex" };
  const none = await api.ask("operator", { method: "POST", url: "/v1/what-if", payload: hour });
  expect([none.status, none.body.items]).toEqual([200, []]);
});
