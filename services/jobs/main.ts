// Does the periodic work of the house, by the clock and under one leader.

import { openClickHouse } from "../adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../adapters/clickhouse/documents.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { ClickHouseHistory } from "../adapters/clickhouse/history.ts";
import { Leader, whileRenewing } from "../adapters/clickhouse/leader.ts";
import { ClickHouseLedger } from "../adapters/clickhouse/ledger.ts";
import { ClickHouseLogDays } from "../adapters/clickhouse/log-days.ts";
import { ClickHouseLogGenerations } from "../adapters/clickhouse/log-generations.ts";
import { ClickHousePriceBooks } from "../adapters/clickhouse/price-books.ts";
import { ClickHouseTenantCharges } from "../adapters/clickhouse/tenant-charges.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import type { Config } from "../adapters/config/config.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, sha256 } from "../adapters/crypto/crypto.ts";
import { createWebhookSender, secretFault } from "../adapters/http/webhook.ts";
import { connectedKafka } from "../adapters/kafka/client.ts";
import { logOffsetsAt } from "../adapters/kafka/log-offsets.ts";
import { kafkaConnection } from "../adapters/process/kafka-fields.ts";
import { runService, type Service } from "../adapters/process/service.ts";
import { optionsOf } from "../adapters/process/store.ts";
import { schedule } from "../adapters/schedule/schedule.ts";
import type { AlertDeps } from "../billing/budgets/alert.ts";

import { computeIndexPoints } from "../billing/index/index-points.ts";
import { COMMANDS } from "./command.ts";
import { FIELDS } from "./config.ts";
import { createJobs, type JobRunner } from "./job-runner.ts";
import { type JobsDeps, pricingJobs } from "./jobs.ts";

const EVERY_MINUTE = "* * * * *";

type JobsConfig = Config<typeof FIELDS>;

commandOrExit(COMMANDS);
const config = configOrExit("jobs", FIELDS);
const faults = faultsOf(config);
for (const fault of faults) process.stderr.write(`jobs: ${fault}\n`);
if (faults.length > 0) process.exit(EXIT.usage);

await runService("jobs", config, async (service) => {
  const { clickhouse, clock, log, metrics } = service;
  const owner = newId();
  const { clickhouse_database: database, lease_ms: ttlMs } = config;
  const leader = new Leader(clickhouse, "jobs", database);
  const runner: JobRunner = {
    documents: new ClickHouseDocuments(clickhouse, database, owner, clock),
    lead: (work) => whileRenewing(leader, { owner, clock, ttlMs }, work),
    ...{ clock, log, metrics, owner, isRetriable },
  };
  const deps = await openJobs(service, { documents: runner.documents, leader, owner });
  await serve(service, createJobs(runner, pricingJobs(deps)));
});

/** What is wrong with settings that are each right by themselves. */
function faultsOf({ export_folder, retention_password, webhook_secret }: JobsConfig): string[] {
  const secret = secretFault(webhook_secret);
  return [
    ...(export_folder !== "" && retention_password === undefined
      ? ["METERHOUSE_EXPORT_FOLDER needs METERHOUSE_RETENTION_PASSWORD too"]
      : []),
    ...(secret === null ? [] : [`METERHOUSE_WEBHOOK_SECRET ${secret}`]),
  ];
}

interface Parts {
  readonly documents: JobRunner["documents"];
  readonly owner: string;
  readonly leader: Leader;
}

async function openJobs(
  { life, clickhouse, clock, log, metrics }: Service,
  { documents, leader, owner }: Parts,
): Promise<JobsDeps> {
  const { clickhouse_database: database } = config;
  const { retention_user: user, retention_password } = config;
  // It may drop days and nothing else, not even ping.
  const dropper = await life.start(
    `ClickHouse as ${user}`,
    () => openClickHouse({ ...optionsOf(config), user, password: retention_password?.reveal() ?? "" }),
    (it) => it.close(),
  );
  const connection = { ...kafkaConnection(config), clientId: "meterhouse-jobs", log };
  // only retention needs it: the rest goes on while Kafka is away
  const connected = connectedKafka(connection, { clock, signal: life.signal });
  life.watch("Kafka", connected);
  const generations = new ClickHouseLogGenerations(clickhouse);
  const retention = {
    days: new ClickHouseLogDays(clickhouse, dropper, leader, database),
    offsetsAt: async (timeMs: number) =>
      logOffsetsAt({ kafka: await connected, topic: config.topic, generations }, timeMs),
    ageMs: config.retention_ms,
    folder: config.export_folder,
    ...{ clock, log, metrics },
  };
  const common = {
    documents,
    books: new ClickHousePriceBooks(clickhouse, database, owner, clock),
    ...{ clock, hash: sha256, log },
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
      clock,
    }),
    webhookAgeMsMax: config.webhook_age_ms_max,
  };
  return {
    retention,
    index: () => computeIndexPoints(points),
    alerts,
    invoices,
    metrics,
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

async function serve({ life, log }: Service, turn: (signal: AbortSignal) => Promise<void>): Promise<void> {
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
