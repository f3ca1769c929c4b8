// Kafka -> usage_log. Starts its parts in order; what they do together is in pipeline.ts.
import { randomBytes, randomInt } from "node:crypto";
import { hostname } from "node:os";
import { createRecordReader } from "../adapters/avro/reader.ts";
import { loadSchemas } from "../adapters/avro/schemas.ts";
import { openClickHouse } from "../adapters/clickhouse/client.ts";
import { isRetriable } from "../adapters/clickhouse/failure.ts";
import { clickHouseUsageLog } from "../adapters/clickhouse/usage-log.ts";
import { systemClock } from "../adapters/clock/clock.ts";
import { configOrExit } from "../adapters/config/start.ts";
import { startOpsServer } from "../adapters/http/ops.ts";
import { logBounds } from "../adapters/kafka/admin.ts";
import { openKafka } from "../adapters/kafka/client.ts";
import { KafkaSource, type RecordHandlers } from "../adapters/kafka/source.ts";
import { runProcess } from "../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../adapters/log/log.ts";
import { createMetrics } from "../adapters/metrics/metrics.ts";
import { retryForever } from "../adapters/retry/retry.ts";
import { Intake } from "../domain/block/intake.ts";
import { FIELDS } from "./config.ts";
import { Pipeline } from "./pipeline.ts";

const LEASE_PARTS = 0.7;
/** How long a stopping process waits for ClickHouse. */
const LAST_INSERT_MS_MAX = 5_000;

const config = configOrExit("processor", FIELDS);
const log = createLog({ level: config.log_level, name: "processor" });
const clock = systemClock;
const reader = createRecordReader({
  schemas: loadSchemas(),
  confluentIds: config.confluent_ids ?? new Map<number, string>(),
});
const PARTS = {
  intake: new Intake(reader, { age_max_ms: config.event_age_max_ms }),
  limits: { ...config, lease_ms: config.session_timeout_ms * LEASE_PARTS },
  owner: `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
  seed: randomInt(2 ** 32),
  clock,
  log,
};

await runProcess({ log }, async (life) => {
  const metrics = createMetrics("processor");
  let isReady = false;
  const ops = await life.start(
    "ops server",
    () =>
      startOpsServer({
        host: config.metrics_host,
        port: config.metrics_port,
        metrics,
        notReady: () => (isReady ? [] : ["no Kafka partition has been taken over yet"]),
      }),
    (server) => server.close(),
  );
  log.info({ port: ops.port }, "metrics are served");
  const client = await life.start(
    "ClickHouse",
    () =>
      openClickHouse({
        url: config.clickhouse_url,
        database: config.clickhouse_database,
        user: config.clickhouse_user,
        password: config.clickhouse_password.reveal(),
      }),
    (it) => it.close(),
  );
  await retry(() => client.ping(), life.signal);
  const kafka = openKafka({ brokers: config.kafka_brokers, clientId: "meterhouse-processor", log });
  const source = openSource(kafka);
  const patience = new AbortController();
  const pipeline = new Pipeline({
    ...PARTS,
    usageLog: clickHouseUsageLog(client, clock),
    metrics,
    retry: (attempt) => retry(attempt, patience.signal),
    patience: patience.signal,
    source,
    lowOffsets: async () =>
      new Map([...(await logBounds(kafka, config.topic))].map(([partition, { low }]) => [partition, low])),
    fail: (error) => life.fail(error),
  });
  const handlers: RecordHandlers = {
    records: (...records) => pipeline.records(...records),
    async assigned(partitions) {
      const positions = await pipeline.assigned(partitions);
      isReady = true;
      return positions;
    },
  };
  await life.start(
    "stream",
    () => life.watch("stream", source.run(handlers)),
    async () => {
      const inTime = new AbortController();
      const giveUp = (): void => patience.abort(life.signal.reason);
      clock.sleep(LAST_INSERT_MS_MAX, inTime.signal).then(giveUp, giveUp);
      // while still a member of the group: nobody else takes over what is on its way
      await pipeline.close();
      inTime.abort();
      await source.stop();
    },
  );
});

function retry<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return retryForever("ClickHouse", attempt, { isRetriable, log, clock, signal });
}

function openSource(kafka: ReturnType<typeof openKafka>): KafkaSource {
  return new KafkaSource({
    kafka,
    topic: config.topic,
    groupId: config.consumer_group,
    clock,
    log,
    sessionTimeoutMs: config.session_timeout_ms,
    fetchBytesMax: config.fetch_bytes_max,
    fetchBytesMaxPerPartition: Math.ceil(config.fetch_bytes_max / 4),
  });
}
