import { createRecordCodec } from "../adapters/avro/record-codec.ts";
import { ClickHouseDocuments } from "../adapters/clickhouse/documents.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { ClickHouseFocus } from "../adapters/clickhouse/focus.ts";
import { ClickHouseHistory } from "../adapters/clickhouse/history.ts";
import { LeaderBusyError, StaleLeaderError } from "../adapters/clickhouse/leader.ts";
import { ClickHouseLedger } from "../adapters/clickhouse/ledger.ts";
import { ClickHousePriceBooks } from "../adapters/clickhouse/price-books.ts";
import { ClickHouseSettlementStore } from "../adapters/clickhouse/settlement-store.ts";
import { ClickHouseTenantCharges } from "../adapters/clickhouse/tenant-charges.ts";
import { commandOrExit } from "../adapters/command/command.ts";
import { EXIT } from "../adapters/command/exit-codes.ts";
import type { Config } from "../adapters/config/config.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { newId, randomHex, sha256 } from "../adapters/crypto/crypto.ts";
import { listen } from "../adapters/http/listen.ts";
import { urlFault } from "../adapters/http/webhook-address.ts";
import { connectedKafka } from "../adapters/kafka/client.ts";
import { openProducer } from "../adapters/kafka/producer.ts";
import { kafkaConnection } from "../adapters/process/kafka-fields.ts";
import { type OneShot, runOneShot } from "../adapters/process/one-shot.ts";
import { runService, type Service } from "../adapters/process/service.ts";
import { newKey } from "../billing/access/keys.ts";
import { createHourVerifier } from "../billing/verification/verify-hour.ts";
import { pricingApi } from "./app.ts";
import { COMMANDS, type Invocation } from "./command.ts";
import { FIELDS, KEY_FIELDS } from "./config.ts";

const BURST = 2;
/** A FOCUS file must name a provider. */
const DEFAULT_SELLER = "Meterhouse";

const invocation = commandOrExit(COMMANDS);
if (invocation.kind === "serve") {
  const config = configOrExit("pricing", FIELDS);
  await runService("pricing", config, (service) => serve(service, config));
} else {
  const config = configOrExit("pricing", KEY_FIELDS);
  await runOneShot("pricing", config, (parts) => createKey(parts, config, invocation));
}

async function serve(
  { life, log, clock, metrics, clickhouse }: Service,
  config: Config<typeof FIELDS>,
): Promise<void> {
  const owner = newId();
  const connection = { ...kafkaConnection(config), clientId: "meterhouse-pricing", log };
  const kafka = await connectedKafka(connection, { clock, signal: life.signal });
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
    macOf: config.correction_macs?.macOf ?? null,
    history: new ClickHouseHistory(clickhouse),
    focus: new ClickHouseFocus(clickhouse, config.invoice_seller || DEFAULT_SELLER),
    charges: new ClickHouseTenantCharges(clickhouse),
    corrections,
    seller: config.invoice_seller,
    webhookFault: (url) => urlFault(url, { allowsPrivate: config.webhook_private }),
    topic: config.topic,
    eventAgeMsMax: config.event_age_ms_max,
    clock,
    log,
    metrics,
    hash: sha256,
    newId,
    isRetriable: isTransient,
    rate: { perSecond: config.api_rate, burst: BURST * config.api_rate },
    expensive_max: config.api_expensive_max,
    trustedProxies: config.trusted_proxies,
  });
  const port = await life.start(
    "API",
    () => listen(api, { host: config.api_host, port: config.api_port, name: "METERHOUSE_API" }),
    () => api.close(),
  );
  log.info({ host: config.api_host, port }, "the API answers");
}

async function createKey(
  { clickhouse, clock, retry }: OneShot,
  { clickhouse_database: database, clickhouse_user: user }: Config<typeof KEY_FIELDS>,
  { owner, json }: Extract<Invocation, { kind: "create_key" }>,
): Promise<number> {
  const documents = new ClickHouseDocuments(clickhouse, database, newId(), clock);
  const { key, document } = newKey(owner, `command line as ${user}`, { hash: sha256, random: randomHex });
  await retry(() => documents.append([document]));
  const text = json
    ? JSON.stringify({ key_id: document.id, key, ...owner })
    : `${key}\nStore it now: it is not shown again.`;
  process.stdout.write(`${text}\n`);
  return EXIT.done;
}

/** Transient: ClickHouse is unreachable, or another leader holds the lease; the same request may succeed later. */
function isTransient(error: unknown): boolean {
  return isRetriable(error) || error instanceof LeaderBusyError || error instanceof StaleLeaderError;
}
