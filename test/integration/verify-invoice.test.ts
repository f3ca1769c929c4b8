// From an invoice down to the event: whatever somebody changes below a finalised invoice is found where it was changed.

import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { ClickHouseTenantCharges } from "../../services/adapters/clickhouse/tenant-charges.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";

const HOUR_MS = 3_600_000;
const threeAgo = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 3 * HOUR_MS;
const monthOf = (ms: number) => new Date(ms).getUTCMonth();
/** Two hours of one month. */
const hourMs = monthOf(threeAgo) === monthOf(threeAgo + HOUR_MS) ? threeAgo : threeAgo - HOUR_MS;
const hours = [hourMs, hourMs + HOUR_MS].map((ms) => formatHour(ms / 1000)) as [string, string];

const event = (minute: number, seed: string, fields: Record<string, unknown> = {}) =>
  makeEvent(hourMs + minute * 60_000, seed, { tenant_id: "acme", ...fields });
const A = event(1, "a");
const B = event(70, "b");
const OTHERS = event(2, "c", { tenant_id: "globex" });
const idOf = ({ event_id }: { event_id: Uint8Array }) => Buffer.from(event_id).toString("hex");

interface Verified {
  invoice_id: string;
  matches: boolean;
  document_matches: boolean;
  hours_checked: number;
  lines: { line_id: string; field: string; invoiced: string; recomputed: string }[];
  charges: { hour: string; charge_id: string; field: string }[];
  hours: {
    hour: string;
    rows_match: boolean;
    keys: { tenant_id: string; differences: { field: string }[] }[];
    events: { finding: string; event_id: string }[];
    batches: { offsets_without_row: string[] }[];
  }[];
}

/** A finalised invoice of two hours of which the first was revised once, and whoever may change what lies under it. */
async function invoiced() {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database, admin } = flow.target;
  const clients = [users.pricing, users.settlement].map((user) => openClickHouse({ url, database, ...user }));
  const [clickhouse, writer] = clients as [(typeof clients)[number], (typeof clients)[number]];
  onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))));
  const settlement = settlementOver(new ClickHouseSettlementStore(writer, database), {
    clock: new ManualClock(hourMs + 3 * HOUR_MS),
  });
  flow.start();
  await flow.send([encodeEvent(A), encodeEvent(B), encodeEvent(OTHERS)]);
  await flow.received(3);
  await pass(settlement);
  await flow.send([encodeEvent(event(5, "late"))]);
  await flow.received(4);
  await pass(settlement);
  const api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database, "pricing-1", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database, "pricing-1", systemClock),
    ...ledgerOver(clickhouse, database),
    charges: new ClickHouseTenantCharges(clickhouse),
  });
  const month = new Date(hourMs);
  const from = formatHour(Date.UTC(month.getUTCFullYear(), month.getUTCMonth()) / 1000);
  const to = formatHour(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1) / 1000);
  await api.clock.advance(Date.parse(to) + HOUR_MS - api.clock.nowMs());
  const payload = { tenant_id: "acme", period_from: from };
  const done = await api.ask("operator", { method: "POST", url: "/v1/invoices", payload });
  const [result] = done.body["results"] as { status: string; invoice: { invoice_id: string } }[];
  expect(result?.status, JSON.stringify(done.body)).toBe("finalised");
  const invoice_id = String(result?.invoice.invoice_id);
  const verify = async (depth = "events", who: "acme" | "operator" = "acme") => {
    const { status, body } = await api.ask(who, { url: `/v1/invoices/${invoice_id}/verify?depth=${depth}` });
    expect(status, JSON.stringify(body)).toBe(200);
    return body as unknown as Verified;
  };
  const change = (sql: string) => admin.command(sql, { settings: { mutations_sync: "1" } });
  const where = (own: typeof A) => `kind = 'event' AND event_id = unhex('${idOf(own)}')`;
  return { invoice_id, verify, change, where };
}

it("nothing that was changed goes unseen, and nothing else is named", async () => {
  const { invoice_id, verify, change, where } = await invoiced();
  const sound = { invoice_id, matches: true, lines: [], charges: [], hours: [], hours_checked: 2 };
  for (const depth of ["lines", "charges", "events"]) expect(await verify(depth)).toMatchObject(sound);

  // an event
  const set = (own: typeof A, sign: string) =>
    change(`ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns ${sign} 60000000 WHERE ${where(own)}`);
  await set(A, "+");
  const changed = await verify();
  expect(changed).toMatchObject({ matches: false, document_matches: true });
  expect(changed.hours.map(({ hour }) => hour)).toEqual([hours[0]]);
  expect(changed.hours[0]?.events).toMatchObject([{ finding: "changed", event_id: idOf(A) }]);
  expect(changed.hours[0]?.keys).toMatchObject([{ tenant_id: "acme" }]);
  expect(new Set(changed.charges.map(({ hour }) => hour))).toEqual(new Set([hours[0]]));
  expect(changed.lines.map(({ field }) => field)).toEqual(expect.arrayContaining(["quantity", "amount"]));
  // the hour's usage and its charges are what they were
  expect(await verify("charges")).toMatchObject(sound);
  await set(A, "-");
  expect(await verify()).toMatchObject(sound);

  // somebody else's event: this invoice does not rest on it
  await set(OTHERS, "+");
  expect(await verify()).toMatchObject(sound);
  await set(OTHERS, "-");

  // a charge
  const charge = (sign: string) =>
    change(
      `ALTER TABLE charges UPDATE composite = composite ${sign} 1, charge = charge ${sign} 1
       WHERE tenant_id = 'acme' AND hour = toDateTime('${hours[1].slice(0, 19).replace("T", " ")}', 'UTC')`,
    );
  await charge("+");
  const charged = await verify();
  expect(charged).toMatchObject({ matches: false, lines: [], hours: [] });
  expect(charged.charges.map(({ hour, field }) => [hour, field])).toEqual([
    [hours[1], "composite"],
    [hours[1], "charge"],
  ]);
  expect((await verify("lines")).lines).not.toEqual([]);
  await charge("-");
  expect(await verify()).toMatchObject(sound);

  // a row of usage, of this tenant and of another
  const usage = (tenant: string, sign: string) =>
    change(`ALTER TABLE usage_hourly UPDATE energy_uj = energy_uj ${sign} 1 WHERE tenant_id = '${tenant}'`);
  await usage("acme", "+");
  const rows = await verify();
  expect(rows).toMatchObject({ matches: false, lines: [], charges: [] });
  expect(rows.hours).toMatchObject([
    { hour: hours[0], rows_match: false, keys: [{ differences: [{ field: "energy_uj" }] }], events: [] },
    { hour: hours[1], rows_match: false, keys: [{ differences: [{ field: "energy_uj" }] }], events: [] },
  ]);
  expect((await verify("charges")).hours).toMatchObject([{ rows_match: false }, { rows_match: false }]);
  await usage("acme", "-");
  // The rows of the hour no longer have its hash, but all of its events do, and this tenant's rows are those of its events.
  await usage("globex", "+");
  expect(await verify()).toMatchObject(sound);
  await usage("globex", "-");
});

it("a deleted event, an added one and a changed invoice are found", async () => {
  const { verify, change, where } = await invoiced();
  const added = "00000000000070008000000000000001";
  await change(
    `INSERT INTO usage_log SELECT * REPLACE (unhex('${added}') AS event_id)
     FROM (SELECT * FROM usage_log WHERE ${where(B)})`,
  );
  const more = await verify();
  expect(more.hours[0]?.hour).toBe(hours[1]);
  expect(more.hours[0]?.events.map(({ finding, event_id }) => [finding, event_id])).toContainEqual([
    "uncounted",
    added,
  ]);
  expect(more.matches).toBe(false);
  await change(`ALTER TABLE usage_log DELETE WHERE event_id = unhex('${added}')`);
  expect((await verify()).matches).toBe(true);

  await change(`ALTER TABLE usage_log DELETE WHERE ${where(B)}`);
  const gone = await verify();
  expect(gone.hours).toMatchObject([
    { hour: hours[1], events: [], batches: [{ offsets_without_row: ["1"] }] },
  ]);
  expect(gone.charges.map(({ field }) => field)).toEqual(["charge_id"]);
  expect(gone.lines.length).toBeGreaterThan(0);

  await change(
    `ALTER TABLE pricing_documents UPDATE content = replaceOne(content, '"total":"0', '"total":"7') WHERE kind = 'invoice'`,
  );
  const document = await verify("charges");
  expect(document).toMatchObject({ matches: false, document_matches: false });
  expect(document.lines).toMatchObject([{ line_id: "", field: "total" }]);
});
