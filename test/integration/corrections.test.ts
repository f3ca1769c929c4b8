// A bill that can be checked and put right, over HTTP, with the real processor and settlement: from a charge down to its
// events, and from a void or an amendment to the next revision and its signed difference.

import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { openProducer } from "../../services/adapters/kafka/producer.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { bookDocument, demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import type { Flow } from "../support/flows/flow.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { type TestApi, testApi } from "../support/flows/pricing-api.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";

const HOUR_MS = 3_600_000;
const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS;
const hour = formatHour(hourMs / 1000);
const range = `from=${hour}&to=${formatHour((hourMs + HOUR_MS) / 1000)}`;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const event = (minute: number, seed: string, fields: Record<string, unknown> = {}) =>
  makeEvent(hourMs + minute * 60_000, seed, { tenant_id: "acme", ...fields });

async function open(flow: Flow) {
  const { clickhouseUrl: url, users, database } = flow.target;
  const clients = [users.pricing, users.settlement].map((user) => openClickHouse({ url, database, ...user }));
  const [clickhouse, settlements] = clients as [(typeof clients)[number], (typeof clients)[number]];
  const producer = await openProducer(flow.kafka, flow.topic);
  onTestFinished(async () => {
    await producer.close();
    await Promise.all(clients.map((client) => client.close()));
  });
  const store = new ClickHouseSettlementStore(settlements, database);
  const settlement = settlementOver(store, {
    clock: new ManualClock(hourMs + 2 * HOUR_MS),
  });
  const api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database, "pricing-1", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database, "pricing-1", systemClock),
    ...ledgerOver(clickhouse, database),
    corrections: producer,
    topic: flow.topic,
    clock: systemClock,
  });
  return { api, settlement };
}

async function items(api: TestApi, url: string, who: "acme" | "operator" = "acme") {
  const { status, body } = await api.ask(who, { url });
  expect(status, JSON.stringify(body)).toBe(200);
  return body.items;
}

it("a charge opens into its sessions and events, and its hour verifies", async () => {
  const flow = await sharedFlow({ priceBooks: [demoBook()] });
  const { api, settlement } = await open(flow);
  flow.start();
  await flow.send([
    encodeEvent(event(1, "a")),
    encodeEvent(event(2, "b")),
    encodeEvent(event(2, "b")),
    encodeEvent(event(3, "c", { tenant_id: "globex" })),
    encodeEvent(event(4, "d", { gpu_time_ns: -1 })),
    { key: Buffer.from("k"), value: Buffer.from('{"gpu":1}') },
  ]);
  await flow.received(6);
  await pass(settlement);

  const [charge, ...more] = await items(api, `/v1/charges?${range}`);
  expect(more).toEqual([]);
  expect(charge).toMatchObject({
    hour,
    revision: 1,
    billed_to: "acme",
    events: "2",
    gpu_time_ns: "240000002",
  });
  const url = `/v1/charges/${charge?.["charge_id"]}`;
  const explained = await api.ask("acme", { url });
  expect(explained.body["charge"]).toMatchObject({ charge: charge?.["charge"], formula: "composite@1" });
  expect(await items(api, `${url}/sessions`)).toMatchObject([
    { session_id: "session-a", events: "1", gpu_time_ns: "120000001", apportionments: ["fitted-hinge@1"] },
    { session_id: "session-b", events: "1" },
  ]);
  const events = await items(api, `${url}/events?limit=1`);
  expect(events).toMatchObject([{ event_id: hex(event(1, "a").event_id), energy_uj: "61234567" }]);
  expect(await items(api, `${url}/events?session_id=session-b`)).toHaveLength(1);

  expect((await api.ask("acme", { url: `/v1/hours/${hour}/verify` })).body).toMatchObject({
    matches: true,
    revision: 1,
  });
  expect(await items(api, `/v1/accounting?${range}`)).toEqual([
    { hour, tenant_id: "acme", received: "4", counted: "2", duplicates: "1", conflicts: "0", rejected: "1" },
  ]);
  const rejected = await items(api, "/v1/rejected-events", "operator");
  expect(rejected.map(({ reject_code }) => reject_code).toSorted()).toEqual([
    "EVENT_NUMBER_NEGATIVE",
    "RECORD_UNKNOWN_FORMAT",
  ]);
  const bytes = rejected.find(({ reject_code }) => reject_code === "RECORD_UNKNOWN_FORMAT");
  expect(Buffer.from(String(bytes?.["value_base64"]), "base64").toString()).toBe('{"gpu":1}');
  const usage = await api.ask("acme", { url: "/v1/usage" });
  expect(usage.body).toMatchObject({ tenant_id: "acme", age_ms: expect.any(Number) });
  expect((await api.ask("acme", { url: `/v1/events/${hex(event(3, "c").event_id)}` })).status).toBe(404);
});

it("a void makes the next revision and a signed difference, an amendment its successor's", async () => {
  const flow = await sharedFlow({ priceBooks: [demoBook()] });
  const { api, settlement } = await open(flow);
  flow.start();
  await flow.send([encodeEvent(event(1, "a")), encodeEvent(event(2, "b"))]);
  await flow.received(2);
  await pass(settlement);
  const amount = async () => (await items(api, `/v1/charges?${range}`)).map(({ gpu_time_ns }) => gpu_time_ns);
  expect(await amount()).toEqual(["240000002"]);

  const id = hex(event(1, "a").event_id);
  const ask = (path: string, payload: object) =>
    api.ask("operator", { method: "POST", url: `/v1/events/${path}`, payload });
  expect(await ask(`${id}/void`, { reason: "measured twice" })).toMatchObject({
    status: 202,
    body: { hours: [hour] },
  });
  await flow.received(3);
  await pass(settlement);
  expect(await amount()).toEqual(["120000001"]);
  const [difference] = await flow.query<{ revision: number; events: string; gpu_time_ns: string }>(
    "SELECT revision, events, gpu_time_ns FROM usage_hourly_changes",
  );
  expect(difference).toEqual({ revision: 2, events: "-1", gpu_time_ns: "-120000001" });
  const history = await api.ask("acme", { url: `/v1/events/${id}` });
  expect(history.body).toMatchObject({
    voids: [{ reason: "measured twice", issued_by: api.keys.operator.split("_")[1] }],
    corrections: [{ action: "void", reason: "measured twice" }],
    revisions: [
      { revision: 1, reason: "complete" },
      { revision: 2, reason: "late events: 0, voids: 1" },
    ],
  });

  const other = hex(event(2, "b").event_id);
  const amended = await ask(`${other}/amend`, {
    reason: "half",
    changes: { gpu_time_ns: "60000000", gpu_busy_ns: null },
  });
  expect(amended.status).toBe(202);
  await flow.received(5);
  await pass(settlement);
  expect(await amount()).toEqual(["60000000"]);
  const successor = await api.ask("acme", { url: `/v1/events/${amended.body["successor_id"]}` });
  expect(successor.body).toMatchObject({
    event: { gpu_time_ns: "60000000", tokens_in: 374, energy_uj: "61234567", user_id: "" },
    corrections: [{ action: "successor", other_event_id: other }],
  });
  const { body } = await api.ask("acme", { url: `/v1/hours/${hour}/verify?revision=1` });
  expect(body).toMatchObject({ revision: 1, matches: true });
});

it("a book is published for hours that are not rated, and for no others", async () => {
  const flow = await sharedFlow({ priceBooks: [demoBook()] });
  const { api, settlement } = await open(flow);
  flow.start();
  await flow.send([encodeEvent(event(1, "a"))]);
  await flow.received(1);
  await pass(settlement);
  const publish = async (effective_from: string) => {
    const book = { ...bookDocument(), name: effective_from, effective_from };
    const draft = await api.ask("operator", { method: "POST", url: "/v1/price-books", payload: book });
    expect(draft.status).toBe(201);
    const url = `/v1/price-books/${draft.body["price_book"]}/publish`;
    return (await api.ask("operator", { method: "POST", url })).body;
  };
  expect(await publish(hour)).toMatchObject({ code: "BOOK_TOO_LATE" });
  expect(await publish("2026-01-01T00:00:00Z")).toMatchObject({ code: "BOOK_OVERLAPS" });
  expect(await publish("2099-01-01T00:00:00Z")).toMatchObject({ status: "published" });
  const books = await items(api, "/v1/price-books", "operator");
  expect(books.map(({ status }) => status).toSorted()).toEqual(["draft", "draft", "published", "published"]);
});
