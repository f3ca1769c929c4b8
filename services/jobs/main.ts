// Does the periodic work of the house, by the clock and under one leader.

import { type ClickHouse, openClickHouse } from "../adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../adapters/clickhouse/documents.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { ClickHouseHistory } from "../adapters/clickhouse/history.ts";
import { Leader, whileRenewing } from "../adapters/clickhouse/leader.ts";
import { ClickHouseLedger } from "../adapters/clickhouse/ledger.ts";
import { ClickHouseLogDays } from "../adapters/clickhouse/log-days.ts";
import { ClickHousePriceBooks } from "../adapters/clickhouse/price-books.ts";
import { ClickHouseTenantCharges } from "../adapters/clickhouse/tenant-charges.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import type { Config } from "../adapters/config/config.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, sha256 } from "../adapters/crypto/crypto.ts";
import { startOpsServer } from "../adapters/http/ops.ts";
import { createWebhookSender, secretFault } from "../adapters/http/webhook.ts";
import { offsetsAt } from "../adapters/kafka/admin.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { type Life, runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { createMetrics, type Metrics } from "../adapters/metrics/metrics.ts";
import { schedule } from "../adapters/schedule/schedule.ts";
import { JOBS_FIELDS } from "../api/config.ts";
import type { AlertDeps } from "../billing/budgets/alerts.ts";
import { computeIndexPoints } from "../billing/index/index-points.ts";
import type { Log } from "../domain/ports/log.ts";
import { createJobs, type JobRunner } from "./job-runner.ts";
import { type JobsDeps, pricingJobs } from "./jobs.ts";

const EVERY_MINUTE = "* * * * *";
const FAULTY_EXIT = 2;

type JobsConfig = Config<typeof JOBS_FIELDS>;

export async function serveJobs(): Promise<void> {
  const config = configOrExit("jobs", JOBS_FIELDS);
  if (config.export_folder !== "" && config.retention_password === undefined) {
    process.stderr.write("jobs: METERHOUSE_EXPORT_FOLDER needs METERHOUSE_RETENTION_PASSWORD too\n");
    process.exit(FAULTY_EXIT);
  }
  const fault = secretFault(config.webhook_secret);
  if (fault !== null) {
    process.stderr.write(`jobs: METERHOUSE_WEBHOOK_SECRET ${fault}\n`);
    process.exit(FAULTY_EXIT);
  }
  const log = createLog({ level: config.log_level, name: "jobs" });
  const clock = systemClock;
  const metrics = createMetrics("jobs");
  await runProcess({ log }, async (life) => {
    const owner = newId();
    const { clickhouse_database: database, lease_ms: ttlMs } = config;
    const clickhouse = await open(life, config, {
      user: config.clickhouse_user,
      password: config.clickhouse_password.reveal(),
    });
    const leader = new Leader(clickhouse, "jobs", database);
    const runner: JobRunner = {
      documents: new ClickHouseDocuments(clickhouse, database, owner, clock),
      lead: (work) => whileRenewing(leader, { owner, clock, ttlMs }, work),
      ...{ clock, log, metrics, owner, isRetriable },
    };
    const { documents } = runner;
    const deps = await openJobs(life, config, { clickhouse, documents, leader, owner, log, metrics });
    await serve(life, config, createJobs(runner, pricingJobs(deps)), { log, metrics });
  });
}

interface Parts {
  readonly clickhouse: ClickHouse;
  readonly documents: JobRunner["documents"];
  readonly owner: string;
  readonly leader: Leader;
  readonly log: Log;
  readonly metrics: Metrics;
}

async function openJobs(
  life: Life,
  config: JobsConfig,
  { clickhouse, documents, leader, owner, log, metrics }: Parts,
): Promise<JobsDeps> {
  const { clickhouse_database: database, retention_user: user, retention_password } = config;
  const dropper = await open(life, config, { user, password: retention_password?.reveal() ?? "" });
  const kafka = openKafka({ brokers: config.kafka_brokers, clientId: "meterhouse-jobs", log });
  const retention = {
    days: new ClickHouseLogDays(clickhouse, dropper, leader, database),
    offsetsAt: (timeMs: number) => offsetsAt(kafka, config.topic, timeMs),
    ageMs: config.retention_ms,
    folder: config.export_folder,
    ...{ clock: systemClock, log, metrics },
  };
  const common = {
    documents,
    books: new ClickHousePriceBooks(clickhouse, database, owner, systemClock),
    ...{ clock: systemClock, hash: sha256, log },
  };
  const points = { ...common, history: new ClickHouseHistory(clickhouse) };
  const ledger = new ClickHouseLedger(clickhouse);
  const charges = new ClickHouseTenantCharges(clickhouse);
  const invoices = {
    invoicing: { ...common, ledger, charges, seller: config.invoice_seller },
    graceMs: config.invoice_grace_ms,
    written_by: "jobs",
  };
  const alerts: AlertDeps = {
    ...common,
    ledger,
    webhooks: createWebhookSender({
      secret: config.webhook_secret,
      allowsPrivate: config.webhook_private,
      clock: systemClock,
    }),
    webhookAgeMsMax: config.webhook_age_ms_max,
  };
  return {
    retention,
    index: () => computeIndexPoints(points),
    alerts,
    invoices,
    schedules: schedulesOf(config),
  };
}

function schedulesOf(config: JobsConfig): JobsDeps["schedules"] {
  const { alert_schedule, index_schedule, invoice_schedule, retention_schedule } = config;
  return {
    alerts: alert_schedule,
    index: index_schedule,
    invoices: invoice_schedule,
    retention: retention_schedule,
  };
}

async function serve(
  life: Life,
  { metrics_host: host, metrics_port: port }: JobsConfig,
  turn: (signal: AbortSignal) => Promise<void>,
  { log, metrics }: Pick<Parts, "log" | "metrics">,
): Promise<void> {
  await life.start(
    "ops server",
    () => startOpsServer({ host, port, metrics, notReady: () => [] }),
    (server) => server.close(),
  );
  // A turn without anything due costs nothing, so one schedule serves jobs of every schedule, missed and failed ones too.
  let last: Promise<void> = Promise.resolve();
  const run = (signal: AbortSignal) => {
    last = last.then(() => turn(signal));
    return last;
  };
  const onFailure = (error: unknown) => life.fail(error);
  await life.start(
    "schedule",
    () => schedule(EVERY_MINUTE, "jobs", { run, onFailure }),
    (started) => started.stop(),
  );
  log.info({}, "the jobs are run as they fall due");
  life.watch("first turn", run(life.signal));
}

function open(
  life: Life,
  config: JobsConfig,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<ClickHouse> {
  const { clickhouse_url: url, clickhouse_database: database } = config;
  return life.start(
    `ClickHouse as ${user}`,
    () => openClickHouse({ url, database, user, password }),
    (it) => it.close(),
  );
}
