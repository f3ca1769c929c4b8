// Retention over a database of its own: two days of the log, half a year later.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClickHouse } from "../../../services/adapters/clickhouse/client.ts";
import { Leader, whileRenewing } from "../../../services/adapters/clickhouse/leader.ts";
import { ClickHouseLogDays } from "../../../services/adapters/clickhouse/log-days.ts";
import { ClickHouseSettlementStore } from "../../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../../services/adapters/clock/clock.ts";
import { createLog } from "../../../services/adapters/log/log.ts";
import { createMetrics } from "../../../services/adapters/metrics/metrics.ts";
import { hourEndMs } from "../../../services/domain/time/hour.ts";
import { dropOldDays, type Retention } from "../../../services/jobs/retention.ts";
import { demoBook } from "../builders/price-books.ts";
import { ManualClock } from "../doubles/manual-clock.ts";
import { freshDatabase, type TestDatabase } from "../stack/stack.ts";
import { appendBatch, batch } from "../stores/logged-batches.ts";
import { ELEVEN, pass, settlementOver, TEN } from "./settlement-pass.ts";

const DAY_MS = 86_400_000;
export const FIRST_DAY = "2026-11-23";
export const SECOND_DAY = "2026-11-24";
export const NEXT_TEN = TEN + DAY_MS / 1000;
const AGE_MS = 120 * DAY_MS;

export class RetentionBench {
  readonly database: TestDatabase;
  readonly folder: string;
  readonly processor: ClickHouse;
  readonly admin: ClickHouse;
  readonly store: ClickHouseSettlementStore;
  readonly days: ClickHouseLogDays;
  readonly #leader: Leader;

  private constructor(database: TestDatabase, folder: string) {
    this.database = database;
    this.folder = folder;
    this.processor = database.open("processor");
    this.admin = database.open("migrate");
    this.store = new ClickHouseSettlementStore(database.open("settlement"), database.name);
    const jobs = database.open("jobs");
    this.#leader = new Leader(jobs, "jobs", database.name);
    this.days = new ClickHouseLogDays(jobs, database.open("retention"), this.#leader, database.name);
  }

  static async open(): Promise<RetentionBench> {
    const database = await freshDatabase({ priceBooks: [demoBook()] });
    return new RetentionBench(database, await mkdtemp(join(tmpdir(), "meterhouse-exports-")));
  }

  async close(): Promise<void> {
    await this.database.drop();
    await rm(this.folder, { recursive: true });
  }

  /** Two events on the first day in two Kafka partitions, one more in each on the second. */
  async logTwoDays(): Promise<void> {
    await appendBatch(this.processor, batch(0, 0, [{ id: "a", hour: TEN }]), FIRST_DAY);
    await appendBatch(this.processor, batch(1, 0, [{ id: "b", hour: TEN }]), FIRST_DAY);
    await appendBatch(this.processor, batch(0, 1, [{ id: "c", hour: NEXT_TEN }]), SECOND_DAY);
    await appendBatch(this.processor, batch(1, 1, [{ id: "d", hour: NEXT_TEN }]), SECOND_DAY);
  }

  async settle(): Promise<Awaited<ReturnType<typeof pass>>> {
    return pass(settlementOver(this.store, { clock: new ManualClock(hourEndMs(ELEVEN) + 2 * DAY_MS) }));
  }

  /** One turn of retention when the first day is old enough and the second is not, unless the options say otherwise. */
  turn(changes: Partial<Retention> = {}): Promise<string> {
    const deps: Retention = {
      days: this.days,
      offsetsAt: async () => new Map(),
      ageMs: AGE_MS,
      folder: this.folder,
      clock: new ManualClock(Date.parse(`${SECOND_DAY}T12:00:00Z`) + AGE_MS),
      log: createLog({ level: "silent", name: "test" }),
      metrics: createMetrics("jobs"),
      ...changes,
    };
    const lead = { owner: "jobs-1", clock: systemClock, ttlMs: 60_000 };
    return whileRenewing(this.#leader, lead, (lease, signal) => dropOldDays(deps, { due: 0, lease, signal }));
  }

  async rowsOf(ingest_day: string): Promise<number> {
    return Number((await this.days.dayRows(ingest_day)).day_rows);
  }

  /** Current charges, to the last digit. */
  async charges(): Promise<unknown[]> {
    return this.database
      .open("reader")
      .query("SELECT hour, revision, tenant_id, charge FROM charges_current ORDER BY ALL");
  }
}
