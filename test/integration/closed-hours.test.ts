// P5: a closed hour is a numbered revision that anyone can recompute; half a close is no close.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { sha256 } from "../../services/adapters/crypto/crypto.ts";
import { verifyHour } from "../../services/billing/verification/verify-hour.ts";
import { runPass } from "../../services/settlement/run-pass.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ELEVEN, pass, settlementOver, TEN } from "../support/flows/settlement-pass.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

/** Long enough for a pass on a busy machine, and what the test waits for after the crash. */
const LEASE_MS = 3_000;

let database: TestDatabase;
let processor: ClickHouse;
let reader: ClickHouse;
let migrate: ClickHouse;
let store: ClickHouseSettlementStore;

beforeAll(async () => {
  database = await freshDatabase({ priceBooks: [demoBook()] });
  processor = database.open("processor");
  reader = database.open("reader");
  migrate = database.open("migrate");
  store = new ClickHouseSettlementStore(database.open("settlement"), database.name);
});
afterAll(() => database.drop());
beforeEach(async () => {
  const tables = ["usage_log", "leader_lease", "hour_close", "usage_hourly", "hour_rating", "charges"];
  for (const table of tables) await migrate.command(`TRUNCATE TABLE ${table}`);
});

async function count(table: string, client = reader): Promise<number> {
  const [row] = await client.query<{ n: string }>("SELECT count() AS n FROM {table:Identifier}", { table });
  return Number(row?.n);
}

/** A store that ends like a killed process, just before it would commit. */
class Crash extends Error {}
class CrashingStore extends ClickHouseSettlementStore {
  readonly #before: "commitCloses" | "commitRatings";
  constructor(before: "commitCloses" | "commitRatings") {
    super(database.open("settlement"), database.name);
    this.#before = before;
  }
  override async commitCloses(...args: Parameters<ClickHouseSettlementStore["commitCloses"]>): Promise<void> {
    if (this.#before === "commitCloses") throw new Crash();
    await super.commitCloses(...args);
  }
  override async commitRatings(
    ...args: Parameters<ClickHouseSettlementStore["commitRatings"]>
  ): Promise<void> {
    if (this.#before === "commitRatings") throw new Crash();
    await super.commitRatings(...args);
  }
}

describe("a crash", () => {
  it("between the rows and the close leaves nothing to see, and the next owner closes the hour once", async () => {
    await appendBatch(processor, batch(0, 0, [{ id: "a", hour: TEN }]));
    const dying = settlementOver(new CrashingStore("commitCloses"), { owner: "dying", leaseMs: LEASE_MS });
    await expect(runPass(dying)).rejects.toThrow(Crash);
    expect(await count("usage_hourly", migrate)).toBe(1);
    expect(await count("usage_hourly_current")).toBe(0);
    expect(await count("usage_hourly_revisions")).toBe(0);

    const next = settlementOver(store, { owner: "next" });
    await expect.poll(async () => (await runPass(next)).kind, { timeout: 30_000 }).toBe("settled");
    expect(await count("usage_hourly", migrate)).toBe(2);
    expect(await count("usage_hourly_current")).toBe(1);
    expect(await count("hour_close_current")).toBe(1);
    expect(await count("charges_current")).toBe(1);
  });

  it("between the charges and their rating leaves the hour closed and uncharged, until the next pass", async () => {
    await appendBatch(processor, batch(0, 0, [{ id: "a", hour: TEN }]));
    const dying = settlementOver(new CrashingStore("commitRatings"), { owner: "dying", leaseMs: LEASE_MS });
    await expect(runPass(dying)).rejects.toThrow(Crash);
    expect([await count("hour_close_current"), await count("charges_current")]).toEqual([1, 0]);

    const next = settlementOver(store, { owner: "next" });
    await expect.poll(async () => (await runPass(next)).kind, { timeout: 30_000 }).toBe("settled");
    expect([await count("hour_close_current"), await count("charges_current")]).toEqual([1, 1]);
    expect(await count("charges", migrate)).toBe(2);
  });
});

describe("revisions", () => {
  it("differ by a signed change that a query gives, and their sum is the newest revision", async () => {
    await appendBatch(
      processor,
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: TEN, tenant_id: "tenant-02" },
      ]),
    );
    await pass(settlementOver(store));
    await appendBatch(
      processor,
      batch(0, 2, [{ id: "late", hour: TEN }], { voids: [{ id: "b", hour: TEN }] }),
    );
    await pass(settlementOver(store));
    const changes = await reader.query<{
      tenant_id: string;
      gpu_time_ns: string;
      events: string;
      revision: number;
    }>("SELECT revision, tenant_id, events, gpu_time_ns FROM usage_hourly_changes ORDER BY tenant_id");
    expect(changes).toEqual([
      { revision: 2, tenant_id: "tenant-01", events: "1", gpu_time_ns: "60000000000" },
      { revision: 2, tenant_id: "tenant-02", events: "-1", gpu_time_ns: "-60000000000" },
    ]);
  });

  it("a changed event, usage row or close is found", async () => {
    await appendBatch(processor, batch(0, 0, [{ id: "a", hour: TEN }]));
    await pass(settlementOver(store));
    const check = () => verifyHour({ store, hash: sha256 }, TEN, 1);
    expect(await check()).toMatchObject({ events_match: true, rows_match: true, chain_matches: true });
    const change = (sql: string) => migrate.command(sql, { settings: { mutations_sync: "1" } });
    await change("ALTER TABLE usage_log UPDATE gpu_time_ns = gpu_time_ns - 1 WHERE kind = 'event'");
    expect(await check()).toMatchObject({ events_match: false, rows_match: true, chain_matches: true });
    await change("ALTER TABLE usage_hourly UPDATE energy_uj = energy_uj + 1 WHERE 1");
    expect(await check()).toMatchObject({ rows_match: false, chain_matches: true });
    await change("ALTER TABLE hour_close UPDATE unique_ids = 2 WHERE 1");
    expect(await check()).toMatchObject({ chain_matches: false });
  });
});

describe("what people read", () => {
  it("charges add up for everybody who pays, and the operator has an account of its own", async () => {
    await appendBatch(
      processor,
      batch(0, 0, [
        { id: "a", hour: TEN },
        { id: "b", hour: ELEVEN, sharing: "timeslice" },
        { id: "c", hour: ELEVEN, tenant_id: "tenant-02", project_id: "project-9" },
        { id: "d", hour: TEN, phase: "load" },
      ]),
    );
    await pass(settlementOver(store));
    const totals = await reader.query<{ payer: string; billed_to: string; charge: string }>(
      "SELECT payer, billed_to, charge FROM tenant_totals ORDER BY payer, billed_to",
    );
    expect(totals).toEqual([
      { payer: "tenant", billed_to: "tenant-01", charge: "0.058125" },
      { payer: "tenant", billed_to: "tenant-02", charge: "0.032291666667" },
      { payer: "operator", billed_to: "operator", charge: "0.032291666667" },
    ]);
    const charges = await reader.query(
      "SELECT billed_to, charge FROM charges_current WHERE hour < toDateTime({eleven:UInt32}, 'UTC') ORDER BY payer, billed_to",
      { eleven: ELEVEN },
    );
    expect(charges).toHaveLength(2);
  });

  it("P6: sessions + operator + idle + unattributed = physical, per GPU and hour", async () => {
    await appendBatch(
      processor,
      batch(0, 0, [
        { id: "a", hour: TEN, gpu_time_ns: 40_000_000_001n },
        { id: "b", hour: TEN, gpu_time_ns: 7n, phase: "warmup" },
      ]),
    );
    const totals = (gpu_uuid: string, numbers: bigint[]) =>
      processor.insertRows("usage_log", [
        { kind: "totals", ingest_day: "2026-11-23", hour: "2026-11-23 10:00:00", gpu_uuid, numbers },
      ]);
    await totals("GPU-1", [
      60_000_000_000n,
      40_000_000_001n,
      7n,
      19_999_999_990n,
      2n,
      0n,
      0n,
      0n,
      0n,
      0n,
      0n,
    ]);
    await totals("GPU-2", [60n, 1n, 0n, 59n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
    const account = await reader.query(
      `SELECT gpu_uuid, physical_ns, sessions_ns, operator_ns, idle_ns, unattributed_ns, difference_ns
       FROM gpu_hour_account ORDER BY gpu_uuid`,
    );
    expect(account).toEqual([
      {
        gpu_uuid: "GPU-1",
        physical_ns: "60000000000",
        sessions_ns: "40000000001",
        operator_ns: "7",
        idle_ns: "19999999990",
        unattributed_ns: "2",
        difference_ns: "0",
      },
      // A session whose event never came: the account does not close, by as much.
      {
        gpu_uuid: "GPU-2",
        physical_ns: "60",
        sessions_ns: "0",
        operator_ns: "0",
        idle_ns: "59",
        unattributed_ns: "0",
        difference_ns: "1",
      },
    ]);
  });

  it("P6: busy sessions + operator + unmetered = the card's counter, and who else used it is named", async () => {
    await appendBatch(
      processor,
      batch(0, 0, [
        { id: "a", hour: TEN, gpu_time_ns: 40n, gpu_busy_ns: 50n, busy_quality: "counter" },
        { id: "b", hour: TEN, gpu_time_ns: 7n, gpu_busy_ns: 5n, busy_quality: "counter", phase: "load" },
        { id: "c", hour: TEN, gpu_time_ns: 3n, gpu_busy_ns: 3n, busy_quality: "elapsed" },
      ]),
    );
    const zeros = Array.from({ length: 11 }, () => 0n);
    const totals = {
      kind: "totals",
      ingest_day: "2026-11-23",
      hour: "2026-11-23 10:00:00",
      gpu_uuid: "GPU-1",
    };
    await processor.insertRows("usage_log", [
      {
        ...totals,
        busy_quality: "counter",
        numbers: [60n, ...zeros.slice(1), 58n, 50n, 5n, 3n],
        reject_detail: "12:b,11:a",
      },
      {
        ...totals,
        busy_quality: "counter",
        numbers: [60n, ...zeros.slice(1), 1n, 0n, 0n, 1n],
        reject_detail: "11:a",
      },
      // of version 1: it has no counter, so its numbers end before
      { ...totals, numbers: [60n, ...zeros.slice(1)] },
    ]);
    const account = await reader.query(
      `SELECT busy_ns, busy_sessions_ns, busy_operator_ns, unmetered_ns, busy_difference_ns, unmetered_processes
       FROM gpu_hour_account`,
    );
    expect(account).toEqual([
      {
        busy_ns: "59",
        busy_sessions_ns: "50",
        busy_operator_ns: "5",
        unmetered_ns: "4",
        busy_difference_ns: "0",
        unmetered_processes: ["11:a", "12:b"],
      },
    ]);
  });
});
