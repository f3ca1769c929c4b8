// Alerts as they are raised in earnest: by the jobs' own process, with a secret from a file, at its first turn.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ClickHouseDocuments } from "../../services/adapters/clickhouse/documents.ts";
import { ClickHousePriceBooks } from "../../services/adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../../services/adapters/clickhouse/settlement-store.ts";
import { systemClock } from "../../services/adapters/clock/clock.ts";
import { NODE_FLAGS } from "../../services/adapters/lifecycle/node-flags.ts";
import { HOUR_S, hourOf } from "../../services/domain/time/hour.ts";
import { demoBook } from "../support/builders/price-books.ts";
import { eventually } from "../support/checks/eventually.ts";
import { testApi } from "../support/flows/pricing-api.ts";
import { pass, settlementOver } from "../support/flows/settlement-pass.ts";
import { post } from "../support/flows/tenant-api.ts";
import { CHILD_ENV } from "../support/stack/child-env.ts";
import { databaseOfTest, sharedStack, type TestDatabase } from "../support/stack/stack.ts";
import { startReceiver } from "../support/stack/webhook-receiver.ts";
import { ledgerOver } from "../support/stores/clickhouse-ledger.ts";
import { appendBatch, batch } from "../support/stores/logged-batches.ts";

function jobs(database: TestDatabase, more: Record<string, string>) {
  const { kafkaBrokers, clickhouseUrl, users } = sharedStack();
  const env = {
    ...CHILD_ENV,
    METERHOUSE_KAFKA_BROKERS: kafkaBrokers.join(),
    METERHOUSE_TOPIC: `events-${randomUUID()}`,
    METERHOUSE_CLICKHOUSE_URL: clickhouseUrl,
    METERHOUSE_CLICKHOUSE_DATABASE: database.name,
    METERHOUSE_CLICKHOUSE_USER: users.jobs.user,
    METERHOUSE_CLICKHOUSE_PASSWORD: users.jobs.password,
    METERHOUSE_RETENTION_PASSWORD: users.retention.password,
    METERHOUSE_METRICS_PORT: "0",
    METERHOUSE_WEBHOOK_PRIVATE: "true",
    ...more,
  };
  const child = spawn(process.execPath, [...NODE_FLAGS, "services/jobs/main.ts"], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  child.stderr.on("data", (part) => said.push(String(part)));
  return { child, said };
}

async function open() {
  const database = await databaseOfTest({ priceBooks: [demoBook()] });
  const clickhouse = database.open("pricing");
  await pass(settlementOver(new ClickHouseSettlementStore(database.open("settlement"), database.name)));
  const api = await testApi({
    documents: new ClickHouseDocuments(clickhouse, database.name, "api", systemClock),
    books: new ClickHousePriceBooks(clickhouse, database.name, "api", systemClock),
    ...ledgerOver(clickhouse, database.name),
    clock: systemClock,
  });
  return { database, api };
}

it("an alert and its webhook", async () => {
  const { database, api } = await open();
  const receiver = await startReceiver(200);
  await post(api, "/v1/tenants", { tenant_id: "tenant-01", name: "One", currency: "USD" });
  const budget = { tenant_id: "tenant-01", name: "now", period: "month", amount: "0.01" };
  const made = { ...budget, thresholds_percent: [100], webhook_url: receiver.url };
  expect((await post(api, "/v1/budgets", made)).status).toBe(201);
  const now = Date.now();
  const event = { id: "a", hour: hourOf(now), gpu_time_ns: BigInt(HOUR_S) * 1_000_000_000n };
  await appendBatch(
    database.open("processor"),
    batch(0, 0, [event]),
    new Date(now).toISOString().slice(0, 10),
  );

  const folder = await mkdtemp(join(tmpdir(), "meterhouse-secret-"));
  const file = join(folder, "webhook");
  await writeFile(file, `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`);
  onTestFinished(() => rm(folder, { recursive: true }));
  const { child, said } = jobs(database, { METERHOUSE_WEBHOOK_SECRET_FILE: file });
  try {
    const run = await eventually("the job's run", async () =>
      child.exitCode === null
        ? ((await api.pricing.documents.newest("job_run", "alerts")) ?? undefined)
        : Promise.reject(new Error(said.join(""))),
    );
    expect(run.content).toMatchObject({ outcome: "1 alerts raised; 1 delivered, 0 waiting, 0 given up" });
    expect(receiver.received).toHaveLength(1);
    expect(said.join("")).not.toContain("whsec_");
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  }
});

it("a weak secret is refused before anything starts", async () => {
  const { database } = await open();
  const { child, said } = jobs(database, { METERHOUSE_WEBHOOK_SECRET: "letmein" });
  expect(await once(child, "close")).toEqual([2, null]);
  expect(said.join("")).toContain("METERHOUSE_WEBHOOK_SECRET must be whsec_");
  expect(said.join("")).not.toContain("letmein");
});
