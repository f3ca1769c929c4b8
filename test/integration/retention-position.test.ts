// Retention beside a real processor: the position outlives the day, and what is too old to be found again is not accepted.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openClickHouse } from "../../services/adapters/clickhouse/client.ts";
import { Leader, whileRenewing } from "../../services/adapters/clickhouse/leader.ts";
import { ClickHouseLogDays } from "../../services/adapters/clickhouse/log-days.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { offsetsAt } from "../../services/adapters/kafka/admin.ts";
import { createLog } from "../../services/adapters/log/log.ts";
import { createMetrics } from "../../services/adapters/metrics/metrics.ts";
import { dropOldDays } from "../../services/jobs/retention.ts";
import type { Role } from "../../services/local/roles.ts";
import { encodeEvent, makeEvent } from "../support/builders/events.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { ManualClock } from "../support/doubles/manual-clock.ts";
import { sharedFlow } from "../support/flows/flow.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";

const DAY_MS = 86_400_000;

it("after a day is dropped a processor goes on where it was, and takes nothing older than the log can tell", async () => {
  const flow = await sharedFlow({ partitions: 2, priceBooks: [demoBook()] });
  const { clickhouseUrl: url, users, database } = flow.target;
  const open = (role: Role) => {
    const client = openClickHouse({ url, database, ...users[role] });
    onTestFinished(() => client.close());
    return client;
  };
  const folder = await mkdtemp(join(tmpdir(), "meterhouse-exports-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const nowMs = Date.now();
  const old = Array.from({ length: 40 }, (_, i) => encodeEvent(makeEvent(nowMs - 7_200_000 - i, `old-${i}`)));
  const first = flow.start();
  await flow.send(old);
  await flow.received(old.length);
  await first.kill();
  // As if all of that had come half a year ago.
  await flow.target.admin.command(
    "INSERT INTO usage_log SELECT * REPLACE (ingest_day - 150 AS ingest_day) FROM usage_log",
  );
  const [today] = await flow.query<{ day: string }>("SELECT toString(max(ingest_day)) AS day FROM usage_log");
  await open("retention").command(`ALTER TABLE usage_log DROP PARTITION '${today?.day}'`);

  flow.start();
  const recent = Array.from({ length: 20 }, (_, i) => encodeEvent(makeEvent(nowMs - i, `new-${i}`)));
  await flow.send(recent);
  await flow.received(old.length + recent.length);
  const later = new ManualClock(nowMs + 100 * DAY_MS);
  await pass(settlementOver(new ClickHouseSettlementStore(open("settlement"), database), { clock: later }));

  const jobs = open("jobs");
  const leader = new Leader(jobs, "jobs", database);
  const deps = {
    days: new ClickHouseLogDays(jobs, open("retention"), leader, database),
    offsetsAt: (timeMs: number) => offsetsAt(flow.kafka, flow.topic, timeMs),
    ageMs: 120 * DAY_MS,
    folder,
    clock: later,
    log: createLog({ level: "silent", name: "test" }),
    metrics: createMetrics("jobs"),
  };
  const turn = () =>
    whileRenewing(leader, { owner: "jobs-1", clock: systemClock, ttlMs: 30_000 }, (lease, signal) =>
      dropOldDays(deps, { due: 0, lease, signal }),
    );
  expect(await turn()).toMatch(/^dropped: [\d-]+; kept: none$/);
  expect(await flow.totals()).toMatchObject({ received: recent.length, counted: recent.length });

  // A processor that knows nothing but the log.
  const next = flow.start();
  const tooOld = encodeEvent(makeEvent(nowMs - 90 * DAY_MS - 60_000, "too-old"));
  await flow.send([tooOld, ...recent.slice(0, 3)]);
  const totals = await flow.received(recent.length + 4);
  expect(totals).toEqual({ received: 24, counted: 20, duplicates: 3, conflicts: 0, rejected: 1 });
  const rejected = await flow.query("SELECT reject_code FROM rejected_events");
  expect(rejected).toEqual([{ reject_code: "EVENT_TIME_TOO_OLD" }]);
  const [seen] = await flow.query("SELECT countIf(session_id LIKE 'session-old%') AS old FROM events");
  expect(seen).toEqual({ old: "0" });
  expect(next.hasFailed()).toBe(false);
});
