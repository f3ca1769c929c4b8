// P5 down to the event: whatever somebody changes in the log of a closed hour is found, and the event is named.

import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { formatHour } from "../../services/domain/time/hour.ts";
import {
  encodeEvent,
  encodeTotals,
  encodeVoid,
  makeEvent,
  makeTotals,
  makeVoid,
} from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";

const HOUR_MS = 3_600_000;
const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS;
const hour = formatHour(hourMs / 1000);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const event = (minute: number, seed: string, fields: Record<string, unknown> = {}) =>
  makeEvent(hourMs + minute * 60_000, seed, { tenant_id: "acme", ...fields });
const A = event(1, "a");
const B = event(2, "b", { energy_uj: null, mig_profile: "3g.40gb" });
const OTHERS = event(3, "c", { tenant_id: "globex" });
const VOIDED = event(4, "d");
const CROSSING = event(5, "e", { started_at: (hourMs - 600_000) * 1000, gpu_time_ns: 1_000_000_007 });
const idOf = ({ event_id }: { event_id: Uint8Array }) => hex(event_id);

/** An hour that is closed, and whoever may change what lies under it. */
async function closedHour() {
  const flow = await sharedFlow({ partitions: 1, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database, admin } = flow.target;
  const clients = [users.pricing, users.settlement].map((user) => openClickHouse({ url, database, ...user }));
  const [reader, writer] = clients as [(typeof clients)[number], (typeof clients)[number]];
  onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))));
  flow.start();
  const records = [A, B, OTHERS, VOIDED, CROSSING, B].map(encodeEvent);
  const totals = encodeTotals(makeTotals(hourMs + 60_000, "t"));
  await flow.send([...records, totals, encodeVoid(makeVoid(VOIDED.event_id, { tenant_id: "acme" }))]);
  await flow.received(8);
  const store = new ClickHouseSettlementStore(writer, database);
  await pass(settlementOver(store, { clock: new ManualClock(hourMs + 2 * HOUR_MS) }));
  const api = await testApi({ ...ledgerOver(reader, database) });
  const verify = async (who: "operator" | "acme" = "operator", of = hour) => {
    const { status, body } = await api.ask(who, { url: `/v1/hours/${of}/verify` });
    expect(status, JSON.stringify(body)).toBe(200);
    return body as unknown as Verified;
  };
  const change = (sql: string) => admin.command(sql, { settings: { mutations_sync: "1" } });
  const where = (it: { event_id: Uint8Array }) => `kind = 'event' AND event_id = unhex('${idOf(it)}')`;
  return { verify, change, where };
}

interface Verified {
  matches: boolean;
  events_match: boolean;
  rows_match: boolean;
  keys: { tenant_id: string; differences: { field: string; closed: string; recomputed: string }[] }[];
  events: { finding: string; event_id: string; tenant_id: string; kafka_offset: string }[];
  batches: { counted: string; found: string; offsets_without_row: string[] }[];
}
const found = ({ events }: Verified) => events.map(({ finding, event_id }) => [finding, event_id]);

it("a changed event is named, with its tenant, its key and the sums that differ", async () => {
  const { verify, change, where } = await closedHour();
  const before = formatHour(hourMs / 1000 - 3600);
  expect(await verify()).toMatchObject({ matches: true, keys: [], events: [], batches: [] });
  expect(await verify("operator", before)).toMatchObject({ matches: true });

  await change(`ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns - 1 WHERE ${where(A)}`);
  const verified = await verify();
  expect(found(verified)).toEqual([["changed", idOf(A)]]);
  expect(verified).toMatchObject({ matches: false, events_match: false, rows_match: true, batches: [] });
  expect(verified.keys).toHaveLength(1);
  expect(verified.keys[0]).toMatchObject({ tenant_id: "acme", model: "synthetic-7b", outcome: "ok" });
  const differing = verified.keys[0]?.differences.map(({ field }) => field);
  expect(differing).toContain("gpu_time_ns");
  expect(differing).not.toContain("tokens_in");
  expect(verified.events[0]).toMatchObject({ tenant_id: "acme", kafka_offset: "0" });
  await change(`ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns + 1 WHERE ${where(A)}`);

  await change(`ALTER TABLE usage_log UPDATE energy_uj = 0 WHERE ${where(OTHERS)}`);
  expect(found(await verify())).toEqual([["changed", idOf(OTHERS)]]);
  // what is another tenant's is not named; that the hour is not what it was is said to everybody
  expect(await verify("acme")).toMatchObject({ matches: false, keys: [], events: [], batches: [] });
  await change(`ALTER TABLE usage_log UPDATE energy_uj = 61234567 WHERE ${where(OTHERS)}`);
  expect(await verify()).toMatchObject({ matches: true });

  // from one hour of the event to the other: their sum is the same
  const move = (sign: string) =>
    change(
      `ALTER TABLE usage_log UPDATE tokens_out = tokens_out + if(home = 1, ${sign}1, -(${sign}1)) WHERE ${where(CROSSING)}`,
    );
  await move("");
  for (const of of [hour, before]) {
    expect(found(await verify("acme", of))).toEqual([["changed", idOf(CROSSING)]]);
  }
  await move("-");
  expect(await verify()).toMatchObject({ matches: true });

  await change("ALTER TABLE usage_hourly UPDATE tokens_in = tokens_in + 1 WHERE tenant_id = 'globex'");
  const rows = await verify();
  expect(rows).toMatchObject({ matches: false, events_match: true, rows_match: false, events: [] });
  expect(rows.keys).toMatchObject([
    { tenant_id: "globex", differences: [{ field: "tokens_in", closed: "375", recomputed: "374" }] },
  ]);
});

it("a record that was taken away is found by its place, an hour of an event by the others", async () => {
  const { verify, change, where } = await closedHour();
  await change(`ALTER TABLE usage_log DELETE WHERE ${where(CROSSING)} AND home = 1`);
  const half = await verify();
  expect(found(half)).toEqual([["changed", idOf(CROSSING)]]);
  expect(half.batches).toEqual([]);
  await change(`ALTER TABLE usage_log DELETE WHERE ${where(A)}`);
  const verified = await verify("acme");
  expect(found(verified)).toEqual([["changed", idOf(CROSSING)]]);
  // the sixth record was a copy, so that it has no row either
  expect(verified.batches).toMatchObject([{ counted: "7", found: "6", offsets_without_row: ["0", "5"] }]);

  await change("ALTER TABLE usage_log DELETE WHERE kind = 'void'");
  const back = await verify();
  expect(back.batches).toMatchObject([{ counted: "7", found: "5", offsets_without_row: ["0", "5", "7"] }]);
  expect(back.keys[0]?.differences.map(({ field }) => field)).toContain("events");
});

it("what was added, doubled or put into another hour is named", async () => {
  const { verify, change, where } = await closedHour();
  const copy = (it: typeof A, replace: string) =>
    change(
      `INSERT INTO usage_log SELECT * REPLACE (${replace}) FROM (SELECT * FROM usage_log WHERE ${where(it)})`,
    );
  const added = "00000000000070008000000000000001";
  const drop = () => change(`ALTER TABLE usage_log DELETE WHERE event_id = unhex('${added}')`);

  await copy(A, `unhex('${added}') AS event_id`);
  const shared = await verify();
  expect(found(shared)).toEqual([
    ["uncounted", added],
    ["uncounted", idOf(A)],
    ["changed", added],
  ]);
  expect(shared.batches).toMatchObject([{ counted: "7", found: "8", offsets_without_row: [] }]);
  await drop();
  expect(await verify()).toMatchObject({ matches: true });

  await copy(A, "home AS home");
  expect(found(await verify())).toEqual([["repeated", idOf(A)]]);
});

it("an event that was put into another hour or to another tenant is named there, and the hour that it left differs", async () => {
  const { verify, change, where } = await closedHour();
  // a column of the table's order cannot be updated: taken away and put back otherwise
  const put = async (replace: string) => {
    await change(`CREATE TABLE moved AS usage_log`);
    await change(`INSERT INTO moved SELECT * REPLACE (${replace}) FROM usage_log WHERE ${where(A)}`);
    await change(`ALTER TABLE usage_log DELETE WHERE ${where(A)}`);
    await change("INSERT INTO usage_log SELECT * FROM moved");
    await change("DROP TABLE moved");
  };
  await put("hour - 3600 AS hour");
  expect(found(await verify())).toEqual([["changed", idOf(A)]]);
  expect(found(await verify("operator", formatHour(hourMs / 1000 - 3600)))).toEqual([["changed", idOf(A)]]);
  await put("hour + 3600 AS hour");
  expect(await verify()).toMatchObject({ matches: true });

  await put("'globex' AS tenant_id");
  const verified = await verify();
  expect(found(verified)).toEqual([["changed", idOf(A)]]);
  expect(verified.keys.map(({ tenant_id }) => tenant_id)).toEqual(["acme", "globex"]);
  expect((await verify("acme")).keys).toHaveLength(1);
});
