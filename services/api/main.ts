// Serves the pricing API, or does the periodic work, or makes an API key. Starts its parts in order; what the API answers is in app.ts and routes/.

import { createRecordCodec } from "../adapters/avro/record-codec.ts";
import { type ClickHouse, openClickHouse } from "../adapters/clickhouse/client.ts";
import { ClickHouseDocuments } from "../adapters/clickhouse/documents.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { ClickHouseFocus } from "../adapters/clickhouse/focus.ts";
import { ClickHouseHistory } from "../adapters/clickhouse/history.ts";
import { LeaderBusyError, StaleLeaderError } from "../adapters/clickhouse/leader.ts";
import { ClickHouseLedger } from "../adapters/clickhouse/ledger.ts";
import { ClickHousePriceBooks } from "../adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../adapters/clickhouse/settlement-store.ts";
import { ClickHouseTenantCharges } from "../adapters/clickhouse/tenant-charges.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import type { Config } from "../adapters/config/config.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, randomHex, sha256 } from "../adapters/crypto/crypto.ts";
import { listen } from "../adapters/http/listen.ts";
import { startOpsServer } from "../adapters/http/ops.ts";
import { urlFault } from "../adapters/http/webhook-address.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { openProducer } from "../adapters/kafka/producer.ts";
import { type Life, runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { createMetrics } from "../adapters/metrics/metrics.ts";
import { retryForever } from "../adapters/retry/retry.ts";
import { newKey } from "../billing/access/keys.ts";
import { createHourVerifier } from "../billing/verification/verify-hour.ts";
import { serveJobs } from "../jobs/main.ts";
import { pricingApi } from "./app.ts";
import { type Command, readCommand } from "./command.ts";
import { FIELDS, STORE_FIELDS } from "./config.ts";

const FAULTY_EXIT = 2;
const BURST = 2;
/** A FOCUS file must name a provider. */
const NAMELESS = "Meterhouse";

const command = readCommand(process.argv.slice(2));
if (command.kind === "fault") {
  process.stderr.write(`pricing: ${command.problem}\n`);
  process.exit(FAULTY_EXIT);
}
if (command.kind === "serve") await serve();
else if (command.kind === "jobs") await serveJobs();
else await createKey(command);

async function serve(): Promise<void> {
  const config = configOrExit("pricing", FIELDS);
  const log = createLog({ level: config.log_level, name: "pricing" });
  const clock = systemClock;
  const owner = newId();
  await runProcess({ log }, async (life) => {
    const clickhouse = await openStore(life, config, log);
    const kafka = openKafka({ brokers: config.kafka_brokers, clientId: "meterhouse-pricing", log });
    const corrections = await life.start(
      "Kafka",
      () => openProducer(kafka, config.topic),
      (it) => it.close(),
    );
    const database = config.clickhouse_database;
    const store = new ClickHouseSettlementStore(clickhouse, database);
    const api = pricingApi({
      documents: new ClickHouseDocuments(clickhouse, database, owner, clock),
      books: new ClickHousePriceBooks(clickhouse, database, owner, clock),
      ledger: new ClickHouseLedger(clickhouse),
      closed_hours: store,
      verifier: createHourVerifier(store, sha256),
      codec: createRecordCodec(),
      history: new ClickHouseHistory(clickhouse),
      focus: new ClickHouseFocus(clickhouse, config.invoice_seller || NAMELESS),
      charges: new ClickHouseTenantCharges(clickhouse),
      corrections,
      seller: config.invoice_seller,
      webhookFault: (url) => urlFault(url, { allowsPrivate: config.webhook_private }),
      topic: config.topic,
      eventAgeMsMax: config.event_age_ms_max,
      clock,
      log,
      hash: sha256,
      newId,
      isRetriable: isTransient,
      rate: { perSecond: config.api_rate, burst: BURST * config.api_rate },
    });
    const { metrics_host: host, metrics_port: port } = config;
    await life.start(
      "ops server",
      () => startOpsServer({ host, port, metrics: createMetrics("pricing"), notReady: () => [] }),
      (server) => server.close(),
    );
    const apiPort = await life.start(
      "API",
      () => listen(api, { host: config.api_host, port: config.api_port, name: "METERHOUSE_API" }),
      () => api.close(),
    );
    log.info({ host: config.api_host, port: apiPort }, "the API answers");
  });
}

async function createKey({ owner, json }: Extract<Command, { kind: "create_key" }>): Promise<void> {
  const config = configOrExit("pricing", STORE_FIELDS);
  const log = createLog({ level: config.log_level, name: "pricing" });
  await runProcess({ log }, async (life) => {
    const clickhouse = await openStore(life, config, log);
    const { clickhouse_database: database, clickhouse_user: user } = config;
    const documents = new ClickHouseDocuments(clickhouse, database, newId(), systemClock);
    const { key, document } = newKey(owner, `command line as ${user}`, { hash: sha256, random: randomHex });
    await documents.append([document]);
    const said = json
      ? JSON.stringify({ key_id: document.id, key, ...owner })
      : `${key}\nKeep it: it is shown only this once.`;
    process.stdout.write(`${said}\n`);
    life.stop();
  });
}

function openStore(
  life: Life,
  config: Config<typeof STORE_FIELDS>,
  log: ReturnType<typeof createLog>,
): Promise<ClickHouse> {
  const open = async () => {
    const clickhouse = openClickHouse({
      url: config.clickhouse_url,
      database: config.clickhouse_database,
      user: config.clickhouse_user,
      password: config.clickhouse_password.reveal(),
    });
    try {
      await clickhouse.ping();
      return clickhouse;
    } catch (error) {
      await clickhouse.close();
      throw error;
    }
  };
  return life.start(
    "ClickHouse",
    (signal) => retryForever("ClickHouse", open, { isRetriable, log, clock: systemClock, signal }),
    (it) => it.close(),
  );
}

/** Away, or busy with another writer: the same request may succeed later. */
function isTransient(error: unknown): boolean {
  return isRetriable(error) || error instanceof LeaderBusyError || error instanceof StaleLeaderError;
}
