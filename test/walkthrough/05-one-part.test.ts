// Chapter 5: a block becomes one part.
//
// Judged records gather in a block: events, the sums of their hours, rejects, and one batch row for each Kafka partition
// that says which offsets the block covers. The block goes to ClickHouse in one insert and becomes one part, so it is there whole
// or not at all. And the insert asks the server itself whether it may: whether the log ends where the block begins, and
// whether somebody newer has taken over. So sending twice, or too late, changes nothing. This is a real ClickHouse.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { ClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { clickHouseUsageLog } from "../../services/adapters/clickhouse/usage-log.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import type { UsageLog } from "../../services/domain/ports/usage-log.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { freshDatabase, type TestDatabase } from "../support/stack/stack.ts";
import { blockOf, guardOf } from "../support/stores/usage-logs.ts";

let database: TestDatabase;
let log: UsageLog;
let admin: ClickHouse;

beforeAll(async () => {
  database = await freshDatabase();
  log = clickHouseUsageLog(database.open("processor"), systemClock);
  admin = database.open("migrate");
});
afterAll(() => database.drop());
beforeEach(async () => {
  for (const table of ["usage_log", "partition_owner"]) await admin.command(`TRUNCATE TABLE ${table}`);
});

const endedAtMs = systemClock.nowMs() - 60_000;
const event = (name: string) => encodeEvent(makeEvent(endedAtMs, name, { tenant_id: name }));
const broken = { key: Buffer.from("?"), value: Buffer.from("?") };
/** Offsets 0 to 2 of one partition and 0 of another one. */
const block = () =>
  blockOf(
    { partition: 0, first: 0, records: [event("anna"), event("anna"), broken] },
    { partition: 1, first: 0, records: [event("bert")] },
  );

it("is visible whole: events, windows, rejects and the position, in one part", async () => {
  const owned = await log.takeOver([0, 1], "processor-1");
  expect(await log.append(block(), guardOf("processor-1", owned))).toEqual({ outcome: "applied" });
  const parts = await admin.query("SELECT uniqExact(_part) AS parts, count() AS rows FROM usage_log");
  expect(parts).toEqual([{ parts: "1", rows: "7" }]); // 2 events, 2 windows, 1 reject, 2 batches
  expect(await admin.query("SELECT tenant_id, gpu_time_ns FROM events ORDER BY tenant_id")).toEqual([
    { tenant_id: "anna", gpu_time_ns: "120000001" },
    { tenant_id: "bert", gpu_time_ns: "120000001" },
  ]);
});

it("keeps the account of every partition, and the position is a part of it", async () => {
  const owned = await log.takeOver([0, 1], "processor-1");
  await log.append(block(), guardOf("processor-1", owned));
  const account = "received, counted, duplicates, conflicts, rejected";
  const batches = `SELECT first_offset, last_offset, ${account} FROM batches ORDER BY kafka_partition`;
  const rows = await admin.query<Record<string, string>>(batches);
  expect(rows.map((row) => Object.values(row).map(Number))).toEqual([
    [0, 2, 3, 1, 1, 0, 1],
    [0, 0, 1, 1, 0, 0, 0],
  ]);
  const positions = await log.positions([0, 1]);
  expect(Object.fromEntries(positions)).toEqual({ 0: 3, 1: 1 });
});

it("is not written twice: the log no longer ends where the block begins", async () => {
  const owned = await log.takeOver([0, 1], "processor-1");
  await log.append(block(), guardOf("processor-1", owned));
  expect(await log.append(block(), guardOf("processor-1", owned))).toEqual({ outcome: "displaced" });
});

it("is not written by an owner whose time is over", async () => {
  const before = await log.takeOver([0, 1], "processor-1");
  await log.takeOver([1], "processor-2");
  expect(await log.append(block(), guardOf("processor-1", before))).toEqual({ outcome: "fenced" });
  expect(await admin.query("SELECT count() AS rows FROM usage_log")).toEqual([{ rows: "0" }]);
});
